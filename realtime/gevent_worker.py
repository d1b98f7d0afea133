"""gunicorn's gevent worker, told to tell the application. Apart: importing it imports gevent."""

import os

import gevent
from gunicorn.workers.ggevent import GeventWorker as _GeventWorker

from realtime.workers import TellsTheApplication

gevent.config.track_greenlet_tree = False  # else each connection keeps the stack that began it


class GeventWorker(TellsTheApplication, _GeventWorker):  # type: ignore[misc]
    """gevent; its own keepalive timeout is the deadline for request headers."""

    def notify(self) -> None:
        """Called by the main loop; without a master it stops as on SIGTERM, not in mid-sentence."""
        if self.ppid == os.getppid():
            super().notify()
            return
        if self.alive:
            self.log.info("Parent changed, shutting down: %s", self)
            self.tell_stop()
            self.alive = False
