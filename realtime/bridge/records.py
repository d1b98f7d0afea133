"""The database's word on the last runs of jobs. One that does not answer holds up one question, and not what is said now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from realtime.events import Event, Topic, make_event

LOG = logging.getLogger(__name__)

PAUSE = 10.0  # seconds in which a database that did not answer is not asked
MOST_MISSED = 200  # jobs that are asked for at once after that; each costs two reads
MOST_KEPT = (
    20_000  # jobs that wait for that, twice as many as the hub has; full: the first is given up
)

LastRun = Callable[[str, int], Iterable[tuple[str, bytes, float]]]
"""What the database knows of a job's last run: (kind, payload, when the run changed last), the status first. Raises DatabaseAway."""


class DatabaseAway(Exception):
    """The database does not answer now, and may later."""


class Records:
    """The database's word on last runs, for one thread, the bridge's. Asks no database that did not answer just now."""

    def __init__(self, last_run: LastRun | None) -> None:
        self._last_run = last_run
        self._again = 0.0  # monotonic seconds; not asked before
        self._missed: dict[Topic, None] = {}  # in order; not asked for
        self._unanswered: dict[Topic, None] = {}  # asked for

    def of(self, topic: Topic) -> list[Event]:
        """The record of its last run, the status first; none where there is no run, or the database is away."""
        if self._last_run is None:
            return []
        if time.monotonic() < self._again:
            self._note_missed(topic)
            return []
        try:
            told = self._last_run(*topic)
            return [make_event(topic, kind, payload, recorded_at=at) for kind, payload, at in told]
        except DatabaseAway as error:
            LOG.warning(
                "the last runs of jobs are not known, as of job %d: %s", topic.job_id, error
            )
            self._again = time.monotonic() + PAUSE
            self._unanswered[topic] = None
        except Exception as error:  # must not hide what NATS knows
            LOG.warning("the last run of job %d is not known: %s", topic.job_id, error)
        return []

    def take_missed(self) -> list[Topic]:
        """Jobs of which nothing is known since the database did not answer, and that may be asked for now."""
        if time.monotonic() < self._again:
            return []
        # Last: where one of them is the cause, the others come before it
        self._missed |= self._unanswered
        self._unanswered.clear()
        some = list(self._missed)[:MOST_MISSED]
        for topic in some:
            del self._missed[topic]
        return some

    def _note_missed(self, topic: Topic) -> None:
        if topic in self._unanswered:
            return
        self._missed[topic] = None
        if len(self._missed) > MOST_KEPT:
            del self._missed[next(iter(self._missed))]
