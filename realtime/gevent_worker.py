"""gunicorn's gevent worker, told to tell the application. Apart: importing it imports gevent."""

from gunicorn.workers.ggevent import GeventWorker as _GeventWorker

from realtime.workers import TellsTheApplication


class GeventWorker(TellsTheApplication, _GeventWorker):  # type: ignore[misc]
    """gevent; its own keepalive timeout is the deadline for request headers."""
