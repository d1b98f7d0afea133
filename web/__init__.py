"""What serves the whole site, and not the path of events alone: tokens, CORS, gunicorn's workers and connections."""
