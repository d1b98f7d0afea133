"""The database's word on the last runs of jobs. One that does not answer holds up one question, and not what is said now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from realtime.events import Event, Topic, make_event

LOG = logging.getLogger(__name__)

SLOW = 1.0  # seconds; who says only after so long that it cannot answer is not asked for the next job at once
PAUSE = 10.0  # seconds in which it is not asked then
MOST_MISSED = 200  # jobs that are asked for at once after that; each costs two reads

LastRun = Callable[[str, int], Iterable[tuple[str, bytes, float]]]
"""What the database knows of a job's last run: (kind, payload, when the run changed last), the status first."""


class Records:
    """Of one thread."""

    def __init__(self, last_run: LastRun | None) -> None:
        self._last_run = last_run
        self._again = 0.0  # monotonic seconds; not asked before
        self._missed: dict[Topic, None] = {}  # in order

    def of(self, topic: Topic) -> list[Event]:
        """The record of its last run, the status first; none where there is no run, or the database is away."""
        if self._last_run is None:
            return []
        began = time.monotonic()
        if began < self._again:
            self._missed[topic] = None
            return []
        try:
            told = self._last_run(*topic)
            return [make_event(topic, kind, payload, recorded_at=at) for kind, payload, at in told]
        except Exception as error:  # a database that is away must not hide what NATS knows
            LOG.warning("the last run of job %d is not known: %s", topic.job_id, error)
        now = time.monotonic()
        if now - began > SLOW:
            self._again = now + PAUSE
            self._missed[topic] = None
        return []

    def take_missed(self) -> list[Topic]:
        """Jobs that were not asked for while the database did not answer, and may be now."""
        if time.monotonic() < self._again:
            return []
        some = list(self._missed)[:MOST_MISSED]
        for topic in some:
            del self._missed[topic]
        return some
