"""Waiting for SIGTERM or SIGINT, so that none is missed."""

import select
import signal
import socket


class StopSignal:
    """Set for good by the first SIGTERM or SIGINT. Made and waited for in the main thread.

    The signal writes to a socket, whichever thread it is delivered to. An Event set by a handler
    would be missed while the main thread sleeps, and could deadlock with its own `wait`.
    """

    def __init__(self) -> None:
        self._woken, writer = socket.socketpair()
        writer.setblocking(False)
        self._writer = writer  # kept: closing it would close the door
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def is_set(self) -> bool:
        return self.wait(0.0)

    def wait(self, timeout: float | None = None) -> bool:
        """True once a signal came; False after `timeout` seconds without one."""
        readable, _, _ = select.select([self._woken], [], [], timeout)
        return bool(readable)
