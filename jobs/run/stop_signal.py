"""Waiting for the signals that end a process, so that none is missed."""

import select
import signal
import socket

STOPS = (signal.SIGTERM, signal.SIGINT)
DRAIN = signal.SIGUSR1


class StopSignal:
    """Set for good by the first SIGTERM or SIGINT; SIGUSR1 asks to drain. For the main thread.

    A signal writes to a socket, whichever thread it is delivered to. An Event set by a handler
    would be missed while the main thread sleeps, and could deadlock with its own `wait`.
    """

    def __init__(self) -> None:
        self._stopped = False
        self.drain_wanted = False
        self._woken, writer = socket.socketpair()
        for end in (self._woken, writer):
            end.setblocking(False)
        self._writer = writer  # kept: closing it would close the door
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (*STOPS, DRAIN):
            signal.signal(number, lambda *_: None)

    def is_set(self) -> bool:
        return self.wait(0.0)

    def wait(self, timeout: float) -> bool:
        """True once a stop was asked for; False after `timeout` seconds, or sooner for a drain."""
        if not self._stopped and select.select([self._woken], [], [], timeout)[0]:
            for number in self._woken.recv(1024):
                self._stopped |= number in STOPS
                self.drain_wanted |= number == DRAIN
        return self._stopped
