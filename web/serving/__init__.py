"""gunicorn's workers, their connections and threads, and how long they wait for a client."""
