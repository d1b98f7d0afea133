"""The run of a program that nobody but itself starts: it says that it runs, that it lives, and how it ended."""

import json
import time

from progress_lib.nats.link import Link
from progress_lib.progress import MAX_TEXT

ALIVE_PERIOD = 10.0  # seconds between two words that the run still lives
END_WAIT = 1.0  # seconds in which NATS confirms that it has the run's end


class OwnRun:
    """What NATS was told of the run. The reporter's sender thread calls all but `fail`."""

    def __init__(self, run_id: str, subject: str) -> None:
        self._run_id = run_id
        self._subject = subject
        self._began_at = time.time()
        self._failure: str | None = None  # why it will be told as failed
        self._said = ""  # the status that NATS has of us
        self.next_alive = 0.0  # monotonic seconds; when to say again that it lives

    def fail(self, reason: str) -> None:
        """It will be told as failed for this reason, however the program ends."""
        self._failure = reason

    def fail_unless_failed(self, reason: str | None) -> None:
        self._failure = self._failure or reason

    def say_again(self) -> None:
        """The connection is a new one, whose server may not have heard us."""
        self._said = ""

    @property
    def end_is_said(self) -> bool:
        return self._said == self._end

    def must_say_running(self, now: float, *, is_closing: bool) -> bool:
        """At first, on each new connection, and as long as the run goes on."""
        return not self._said or (not is_closing and now >= self.next_alive)

    def say_running(self, link: Link) -> bool:
        """Says that it runs, since when, and that it lives; False while NATS is away."""
        self.next_alive = time.monotonic() + ALIVE_PERIOD
        alive = {"aliveEvery": ALIVE_PERIOD, "aliveAt": _now()}
        left = self._say(link, "running", None, round(self._began_at, 3), alive)
        if left:
            self._said = "running"
        return left

    def say_end(self, link: Link) -> None:
        """Says how it ended: once NATS has all before it."""
        if self._say(link, self._end, self._failure, _now(), {}) and link.flush(END_WAIT):
            self._said = self._end

    @property
    def _end(self) -> str:
        return "completed" if self._failure is None else "failed"

    def _say(
        self, link: Link, status: str, reason: str | None, ts: float, more: dict[str, float]
    ) -> bool:
        most = min(MAX_TEXT, link.max_payload // 16)  # a character takes 12 bytes at most
        told = {
            "runId": self._run_id,
            "status": status,
            "reason": None if reason is None else reason[:most],
            "ts": ts,
            **more,
        }
        return link.publish(self._subject, json.dumps(told).encode())


def _now() -> float:
    return round(time.time(), 3)
