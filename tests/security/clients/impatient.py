"""The application in a worker that waits less for slow clients: for tests that would otherwise wait as long."""

from tests.security.clients.short_waits import HEADER_WAIT, STILL_WAIT
from web.serving.patience import WAITS
from web.serving.workers import ThreadWorker
from wsgi import app

__all__ = ["app"]

WAITS.still_wait = STILL_WAIT
ThreadWorker.header_wait = HEADER_WAIT
