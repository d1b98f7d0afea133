"""gunicorn's workers, with what a server of long connections needs.

The application is told when its worker is to stop, also when its master was killed, a client
that drips its request header does not hold a thread for ever, and the collector of garbage leaves
what lives for hours alone.
"""

import gc
import os
import socket
import threading
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker as _ThreadWorker

HEADER_WAIT = 10.0  # seconds from a connection's first byte to the end of its header
GRACE_SHARE = 0.6  # of the graceful timeout, in which browsers are sent away
ORPHAN_MARGIN = 2.0  # seconds beyond the graceful timeout until a worker without a main loop ends
COLLECT_EVERY = (20_000, 200, 10)  # new objects; searches until one looks at what outlived them


class TellsTheApplication:
    """SIGTERM reaches the application: gunicorn itself only stops accepting."""

    alive: bool
    wsgi: Any
    cfg: Any

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.alive:
            self.tell_stop()
        super().handle_exit(sig, frame)  # type: ignore[misc]

    def tell_stop(self) -> None:
        parts = getattr(getattr(self, "wsgi", None), "extensions", {}).get("parts")
        if parts is not None:
            parts.realtime.begin_stop(self.cfg.graceful_timeout * GRACE_SHARE)


class ThreadWorker(TellsTheApplication, _ThreadWorker):  # type: ignore[misc]
    """gthread, with a deadline for request headers, and quick with a crowd that comes at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading: dict[Any, float] = {}  # connections whose header is awaited, since when

    def run(self) -> None:
        """The threads of connections inherit the core of this one, which starts them."""
        _keep_to_one_core(self.age)
        try:
            super().run()
        except Exception:
            self._send_all_away()
            raise  # gunicorn logs it, and starts another worker when this one is gone

    def enqueue_req(self, conn: Any) -> None:
        self._reading[conn] = time.monotonic()
        super().enqueue_req(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        self._reading.pop(conn, None)  # the header is in
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        self._reading.pop(conn, None)
        super().finish_request(conn, fs)

    def is_parent_alive(self) -> bool:
        """Asked by the main loop, which stops at a no: there is no master to end the process."""
        is_alive: bool = super().is_parent_alive()
        if not is_alive:
            self._send_all_away()
        return is_alive

    def _send_all_away(self) -> None:
        """When the main loop ends by itself.

        Else the threads of open connections would keep the process, deaf and dumb, until the last
        browser left by itself.
        """
        self.tell_stop()
        wait = self.cfg.graceful_timeout + ORPHAN_MARGIN
        last_resort = threading.Timer(wait, os._exit, (1,))
        last_resort.name, last_resort.daemon = "last-resort", True
        last_resort.start()

    def murder_pending(self) -> None:
        """Called by the main loop, at least once a second."""
        super().murder_pending()
        late = time.monotonic() - HEADER_WAIT
        for conn in list(self._reading):  # of items() it would not be one step: tuples are made
            if self._reading.get(conn, late) < late:
                self._reading.pop(conn, None)
                try:
                    conn.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def _keep_to_one_core(number: int) -> None:
    """Only one thread at a time has the interpreter's lock: to give it from core to core costs more
    than all that it takes to let a browser in. The hub and the bridge are free to go where they like.
    """
    if hasattr(os, "sched_setaffinity"):  # Linux
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def spare_the_old() -> None:
    """What a worker starts with is never searched for garbage again; what outlives one search is
    searched again after 200, when 4,000,000 objects more are there than were.

    A browser is a hundred objects that live for hours: searched again and again they stop the worker
    for 0.3 s at a time. Their counts of references free them, since no circle of them is left
    (`WebSocket.release`). No callback of the collector could spare them: up to CPython 3.11 it would
    let other threads run in the middle of what is one step otherwise, as list(a_dict.items()).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_EVERY)


def settle(config: Any) -> None:
    """gunicorn looks forty settings up for each request, each with three calls: from now on with none."""
    vars(config).update({name: setting.get() for name, setting in config.settings.items()})
