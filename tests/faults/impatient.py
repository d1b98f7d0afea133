"""The application in a worker that waits 10 s for a word from a browser, and not 60: for a test that waits as long."""

from realtime.clients.client import Client
from wsgi import app

__all__ = ["app"]

Client.pong_wait = 10.0
