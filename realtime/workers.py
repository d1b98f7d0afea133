"""gunicorn's workers, with what a server of long connections needs.

The application is told when its worker is to stop, and a client that drips its request header
does not hold a thread for ever.
"""

import socket
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker as _ThreadWorker

HEADER_WAIT = 10.0  # seconds from a connection's first byte to the end of its header
GRACE_SHARE = 0.6  # of the graceful timeout, in which browsers are sent away


class TellsTheApplication:
    """SIGTERM reaches the application: gunicorn itself only stops accepting."""

    alive: bool
    wsgi: Any
    cfg: Any

    def handle_exit(self, sig: int, frame: Any) -> None:
        parts = getattr(getattr(self, "wsgi", None), "extensions", {}).get("parts")
        if parts is not None and self.alive:
            parts.realtime.begin_stop(self.cfg.graceful_timeout * GRACE_SHARE)
        super().handle_exit(sig, frame)  # type: ignore[misc]


class ThreadWorker(TellsTheApplication, _ThreadWorker):  # type: ignore[misc]
    """gthread, with a deadline for request headers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading: dict[Any, float] = {}  # connections whose header is awaited, since when

    def enqueue_req(self, conn: Any) -> None:
        self._reading[conn] = time.monotonic()
        super().enqueue_req(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        self._reading.pop(conn, None)  # the header is in
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        self._reading.pop(conn, None)
        super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Called by the main loop, at least once a second."""
        super().murder_pending()
        late = time.monotonic() - HEADER_WAIT
        for conn, since in list(self._reading.items()):
            if since < late:
                self._reading.pop(conn, None)
                try:
                    conn.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
