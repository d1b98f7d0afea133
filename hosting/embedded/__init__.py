"""The nats-server and the runner that a gunicorn master keeps alive, and that end with it."""
