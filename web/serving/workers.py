"""gunicorn's workers, with what a server of long connections needs.

The application is told when its worker is to stop, also when its master was killed, a client that is
slow or silent holds neither the main loop nor, for long, a thread (docs/decisions/http-deadlines.md), and
the collector of garbage leaves what lives for hours alone.
"""

import errno
import gc
import itertools
import os
import socket
import sys
import threading
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER
from gunicorn.workers.gthread import ThreadWorker as _ThreadWorker

from logs import context
from web.serving.http_connection import HEADER_WAIT, Connection, Heads, Lingering
from web.serving.listeners import Ending, let_in_who_waits
from web.serving.patience import WAITS
from web.serving.thread_pool import ThreadPool
from web.serving.unread_bodies import closing_where_unread

# Milliseconds that the kernel keeps what a client does not take, also once we closed: a browser that vanished, too
USER_TIMEOUT = 20_000
IDLE = 256  # kept connections that wait for their next request; full: the oldest is closed
FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # no room for one client more
NOBODY = (
    errno.EAGAIN,
    errno.EWOULDBLOCK,
    errno.ECONNABORTED,
    errno.ENOTCONN,
    errno.EPROTO,
    errno.EPERM,
)
FULL_PAUSE = 0.05  # seconds that the main loop rests when nobody can be sent away instead
FULL_WORD = 10.0  # seconds between two lines in the log that say so
GRACE_SHARE = 0.6  # of the graceful timeout, in which browsers are sent away
ORPHAN_MARGIN = 2.0  # seconds beyond the graceful timeout until a worker without a main loop ends
# Seconds for which a thread of Python code may keep another waiting. The interpreter's 5 ms let the bridge's
# thread hold up the hub's sends where both have much to do (docs/decisions/connections.md)
SWITCH_INTERVAL = 0.001
COLLECT_EVERY = (20_000, 200, 10)  # new objects; searches until one looks at what outlived them


class NoRoom:
    """Says that the machine has no room for one more client; once in FULL_WORD."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._said = -FULL_WORD  # (main thread) monotonic seconds

    def say(self, error: OSError, what_then: str) -> None:
        if time.monotonic() - self._said > FULL_WORD:
            self._said = time.monotonic()
            self._log.error(
                "no room for one more client (%s), so %s: raise the limit on open files (ulimit -n), or lower MAX_CLIENTS",
                error.strerror,
                what_then,
            )


class HostsTheApplication:
    """What both classes of workers do for the application.

    The end of its worker reaches it, by SIGTERM or `max_requests`: gunicorn itself only stops accepting. No body that
    it does not want is waited for.
    """

    _alive = True
    wsgi: Any
    cfg: Any
    sockets: list[Any]
    ending: Ending | None = None  # of the whole server; gunicorn.conf.py sets it
    log: Any
    no_room: NoRoom

    def init_process(self) -> None:
        self.no_room = NoRoom(self.log)
        for listener in self.sockets:  # what it accepts inherits this
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
        super().init_process()  # type: ignore[misc]

    def load_wsgi(self) -> None:
        super().load_wsgi()  # type: ignore[misc]
        self.wsgi.wsgi_app = closing_where_unread(self.wsgi.wsgi_app)

    @property
    def alive(self) -> bool:
        """gunicorn's own, which it takes from a worker that is to end: in a signal's handler, or a thread of a request."""
        return self._alive

    @alive.setter
    def alive(self, is_alive: bool) -> None:
        was_alive, self._alive = self._alive, is_alive
        if was_alive and not is_alive:
            self.tell_stop()

    def handle_request(self, *of_client: Any) -> Any:
        """What is said after it, as of a next request that cannot be read, is not about this one; what is said of its failure is."""
        goes_on = super().handle_request(*of_client)  # type: ignore[misc]
        context.begin()
        return goes_on

    def tell_stop(self) -> None:
        parts = getattr(getattr(self, "wsgi", None), "extensions", {}).get("parts")
        if parts is not None:
            parts.realtime.begin_stop(self.cfg.graceful_timeout * GRACE_SHARE)


class ThreadWorker(HostsTheApplication, _ThreadWorker):  # type: ignore[misc]
    """gthread, whose main loop waits for nobody, and whose threads wait for nobody for long."""

    _heads: Heads  # (main thread), as the next
    _lingering: Lingering
    # Among the workers, from 0 on; whoever replaces one takes its place (gunicorn.conf.py)
    place = 0
    header_wait = HEADER_WAIT  # seconds

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_keepalived = IDLE

    def get_thread_pool(self) -> ThreadPool:
        return ThreadPool(self.cfg.threads)

    def run(self) -> None:
        """Keeps to one core, and so do the threads of connections, which this one starts."""
        _keep_to_one_core(self.place)
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._heads = Heads(self.poller, super().enqueue_req, self._drop)
        self._lingering = Lingering(self.poller)
        try:
            super().run()
        except Exception:
            self._send_all_away()
            raise  # gunicorn logs it, and starts another worker when this one is gone

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self._close_listeners()

    def _close_listeners(self) -> None:
        """At a stop. Who waits is let in; who comes later is refused, and a proxy asks another server."""
        for listener in self.sockets:
            let_in_who_waits(listener, partial(self.accept, listener), self.ending)
            listener.close()

    def accept(self, listener: Any) -> None:
        """Accepts a client; makes room when the machine has no more files or memory."""
        try:
            client, address = listener.accept()
            conn = Connection(
                self.cfg, client, address, listener.getsockname(), self._lingering.add
            )
        except OSError as error:
            if error.errno in FULL:
                self._make_room(error)
            elif error.errno not in NOBODY:
                raise
            return
        self.nr_conns += 1
        self.enqueue_req(conn)

    def enqueue_req(self, conn: Any) -> None:
        """Gives the connection to a thread once the header of its next request is here."""
        self._heads.add(conn)

    def handle(self, conn: Any) -> Any:
        conn.begin()
        context.begin()  # what failed on this thread before is another request
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        WAITS.begin_request(req, conn.sock)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """gunicorn would read the rest of a body away; here an answer to such a request ends the connection."""
        return keepalive

    def _make_room(self, error: OSError) -> None:
        """Closes the oldest connection that only waits; where none does, rests for a moment."""
        self.no_room.say(error, "the oldest that only waits goes")
        if self._lingering.end_oldest() or self._heads.end_oldest():
            return
        if self.keepalived_conns:
            self.keepalived_conns[
                0
            ].timeout = 0.0  # the poller may have seen it: not before its turn
        else:
            time.sleep(FULL_PAUSE)

    def _drop(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def is_parent_alive(self) -> bool:
        """Asked by the main loop, which stops at a no: there is no master to end the process."""
        is_alive: bool = super().is_parent_alive()
        if not is_alive:
            self._send_all_away()
        return is_alive

    def _send_all_away(self) -> None:
        """Ends all connections, once the main loop has ended by itself.

        Their threads would otherwise keep the process, deaf and dumb, until the last browser left by itself.
        """
        self.tell_stop()
        wait = self.cfg.graceful_timeout + ORPHAN_MARGIN
        last_resort = threading.Timer(wait, os._exit, (1,))
        last_resort.name, last_resort.daemon = "last-resort", True
        last_resort.start()

    def murder_keepalived(self, force: bool = False) -> None:
        """Called by the main loop, at least once a second, and with `force` at its end."""
        for conn in itertools.islice(
            self.keepalived_conns, max(len(self.keepalived_conns) - IDLE, 0)
        ):
            conn.timeout = 0.0  # many were answered at once: the oldest go
        super().murder_keepalived(force)
        if force:
            self._lingering.end_all()

    def murder_pending(self) -> None:
        """Called by the main loop, at least once a second."""
        super().murder_pending()
        self._heads.end_late(self.header_wait if self.alive else STOP_KEEPALIVE_LINGER)
        self._lingering.end_late()


def _keep_to_one_core(number: int) -> None:
    """Keeps this thread, and those that it starts, on one core. The hub and the bridge stay free.

    Passing the interpreter's lock between cores costs more than letting a browser in.
    """
    if hasattr(os, "sched_setaffinity"):  # Linux
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def spare_the_old() -> None:
    """Freezes the objects that a worker starts with, and searches what outlives a search once in 4,000,000 new objects.

    A browser is a hundred objects that live for hours: searched again and again they stop the worker
    for 0.3 s at a time. Their counts of references free them, since no circle of them is left
    (`WebSocket.release`). No callback of the collector could spare them: up to CPython 3.11 it would
    let other threads run in the middle of what is one step otherwise, as list(a_dict.items()).

    It is not searched first: 60 ms find 700 objects of 130,000.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT_EVERY)


def settle(config: Any) -> None:
    """Makes gunicorn's settings plain attributes: it looks forty of them up for each request, with three calls each."""
    vars(config).update({name: setting.get() for name, setting in config.settings.items()})
