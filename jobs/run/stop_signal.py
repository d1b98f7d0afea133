"""Waiting for the signals that end a process, so that none is missed."""

import select
import signal
import socket

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
DRAIN = signal.SIGUSR1


class StopSignal:
    """Set for good by the first SIGTERM, SIGINT or SIGHUP; SIGUSR1 asks to drain. Only the main thread uses it.

    A SIGHUP that is ignored, as by nohup, stays so: a terminal was closed that this process is to outlive.

    Python writes each signal to a socket, whichever thread gets the signal. An Event that a handler
    sets would not wake a sleeping main thread, and could deadlock with its `wait`.
    """

    def __init__(self) -> None:
        self._stopped = False
        self.drain_wanted = False
        self._woken, writer = socket.socketpair()
        for end in (self._woken, writer):
            end.setblocking(False)
        self._writer = writer  # kept, since Python writes to it while this object lives
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (*STOPS, DRAIN):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)

    def is_set(self) -> bool:
        return self.wait(0.0)

    def wait(self, timeout: float) -> bool:
        """True once a stop was asked for. False after `timeout` seconds, or when a drain was asked for."""
        if not self._stopped and select.select([self._woken], [], [], timeout)[0]:
            for number in self._woken.recv(1024):
                self._stopped |= number in STOPS
                self.drain_wanted |= number == DRAIN
        return self._stopped
