"""What the bridge is asked for: the past of jobs, and the newest messages of tenants."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Iterable

from realtime.bridge.stream import HEARTBEAT
from realtime.events import Topic

RETRY_WAIT = 1.0  # seconds until a past that could not be read is tried again
MAX_REPLAYED = 1_000  # jobs whose past is read at once; a crowd may come back to many jobs
MAX_FAILURES = 3  # of one job's past, until its watchers get what is known and what is live


class Wishes:
    """Any thread asks and wakes; all else is the bridge thread's."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[Topic, bool] | None] = queue.SimpleQueue()
        self._tenants: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._retries: dict[Topic, float] = {}  # monotonic seconds; when to try again
        self._failures: Counter[Topic] = Counter()  # in a row

    def ask(self, topic: Topic, is_whole: bool) -> None:
        """Wants a job's past, the whole of it or the database's word alone."""
        self._asked.put((topic, is_whole))

    def ask_tenant(self, tenant_id: str) -> None:
        """Wants the newest messages of all jobs of a tenant."""
        self._tenants.put(tenant_id)
        self.wake()

    def wake(self) -> None:
        """Ends a wait of `take`."""
        self._asked.put(None)

    def take(self) -> dict[Topic, bool]:
        """Jobs whose past is wanted, the whole of it or not, MAX_REPLAYED at most. Waits for one, for a heartbeat at most."""
        now = time.monotonic()
        due = [topic for topic, at in self._retries.items() if at <= now][:MAX_REPLAYED]
        wanted = dict.fromkeys(due, True)
        for topic in due:
            del self._retries[topic]
        wait = 0.0 if wanted else RETRY_WAIT if self._retries else HEARTBEAT
        try:
            while len(wanted) < MAX_REPLAYED:
                wish = self._asked.get(timeout=wait)
                if wish is not None:
                    topic, is_whole = wish
                    wanted[topic] = is_whole or wanted.get(topic, False)
                wait = 0.0
        except queue.Empty:
            pass
        return wanted

    def take_tenant(self) -> str | None:
        """A tenant whose last words are wanted; None: there is no more."""
        try:
            return self._tenants.get_nowait()
        except queue.Empty:
            return None

    def tenant_failed(self, tenant_id: str) -> None:
        """Its last words could not be read: they are wanted once more, with the next heartbeat."""
        self._tenants.put(tenant_id)

    def failed(self, topic: Topic) -> bool:
        """A job's past could not be read. Whether it is tried again: not for ever while live messages wait."""
        self._failures[topic] += 1
        if self._failures[topic] >= MAX_FAILURES:
            del self._failures[topic]
            return False
        self._retries[topic] = time.monotonic() + RETRY_WAIT
        return True

    def succeeded(self, topics: Iterable[Topic]) -> None:
        """The pasts of these jobs were read."""
        for topic in topics:
            self._failures.pop(topic, None)
