"""gunicorn's gevent worker, told to tell the application. Apart: importing it imports gevent."""

import os
import select
import socket
import time
from functools import partial
from typing import Any

import gevent
from gevent.server import StreamServer
from gevent.socket import socket as _GeventSocket
from gunicorn.workers.ggevent import GeventWorker as _GeventWorker

from logs.native_locks import use_native_locks
from web.serving.gevent_sockets import raw
from web.serving.http_connection import (
    DISCARD_BYTES,
    LINGER_BYTES,
    LINGER_WAIT,
    LINGERING,
    goes_on,
)
from web.serving.listeners import let_in_who_waits
from web.serving.patience import WAITS, PatientSocket, untaken
from web.serving.workers import FULL, FULL_PAUSE, HostsTheApplication

SLOW_GREENLETS = 1_000  # a greenlet each; full: the slowest is cut

gevent.config.track_greenlet_tree = False  # else each connection keeps the stack that began it


class HttpSocket(PatientSocket, _GeventSocket):  # type: ignore[misc]
    """The socket of a gevent worker's client."""

    __slots__ = ()
    lingering = 0  # how many linger now

    def close(self) -> None:
        """Lets the client read its last answer first: unread bytes would reset the connection."""
        WAITS.forget(self)
        HttpSocket.lingering += 1
        try:
            if HttpSocket.lingering <= LINGERING:
                self._linger()
        except (OSError, ValueError):
            pass  # it is over
        finally:
            HttpSocket.lingering -= 1
            super().close()

    def _linger(self) -> None:
        self.shutdown(socket.SHUT_WR)
        left, is_taking = LINGER_BYTES, True
        while is_taking:
            before, until = untaken(self), time.monotonic() + LINGER_WAIT
            while left > 0 and (received := self._discard(until)):
                left -= received
            is_taking = left > 0 and goes_on(before, untaken(self))

    def _discard(self, until: float) -> int:
        """How many bytes were read and forgotten; 0 at the end, or when the time is up."""
        try:
            return len(raw(self).recv(DISCARD_BYTES, socket.MSG_DONTWAIT))
        except BlockingIOError:
            pass
        poll = select.poll()
        poll.register(self, select.POLLIN)
        if not poll.poll(max(until - time.monotonic(), 0) * 1000):
            return 0
        return len(raw(self).recv(DISCARD_BYTES, socket.MSG_DONTWAIT))


class _Listening(StreamServer):  # type: ignore[misc]
    """Accepts from one listener for a worker; lets in who waits before it closes it."""

    def __init__(self, worker: "GeventWorker", listener: Any, *, spawn: Any, **_: Any) -> None:
        handle = partial(worker.handle, _Named(listener.getsockname()))
        super().__init__(listener, handle=handle, spawn=spawn)
        self._worker = worker
        if worker.cfg.workers > 1:
            self.max_accept = 1

    def close(self) -> None:
        if not self.closed:
            let_in_who_waits(self.socket, self._accept, self._worker.ending)
        super().close()

    def do_read(self) -> Any:
        """The next client, if there is one; rests for a moment when the machine has no more files or memory."""
        try:
            return super().do_read()
        except OSError as error:
            if error.errno not in FULL:
                raise  # gevent tells it, with a traceback each time
            self._worker.no_room.say(error, "it waits until another one leaves")
            self.stop_accepting()
            self._timer = self.loop.timer(FULL_PAUSE)
            self._timer.start(self._start_accepting_if_started)
            return None

    def _accept(self) -> None:
        if not self.full() and (client := self.do_read()):
            self.do_handle(*client)


class _Named:
    """What a connection asks its listener for, also once that is closed."""

    def __init__(self, name: Any) -> None:
        self._name = name

    def getsockname(self) -> Any:
        return self._name


class GeventWorker(HostsTheApplication, _GeventWorker):  # type: ignore[misc]
    """gevent; its own keepalive timeout is the deadline for request headers."""

    def patch(self) -> None:
        super().patch()
        use_native_locks()

    def run(self) -> None:
        WAITS.most = SLOW_GREENLETS
        self.server_class = partial(_Listening, self)
        super().run()

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        # Made by gevent; another one around it would cost a tenth more
        client.__class__ = HttpSocket
        super().handle(listener, client, address)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        WAITS.begin_request(req, sock)
        return super().handle_request(listener_name, req, sock, addr)

    def notify(self) -> None:
        """Called by the main loop; without a master it stops as on SIGTERM, not in mid-sentence."""
        if self.ppid == os.getppid():
            super().notify()
            return
        if self.alive:
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False
