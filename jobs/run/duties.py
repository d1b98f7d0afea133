"""Recurring work of a runner's threads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from jobs.store.connections.database import StoreUnavailable
from logs.complaint import Complaint

LOG = logging.getLogger(__name__)


class Duty:
    """Recurring work. When it fails, it is done again a period later. That the database is away is logged once, while it is so."""

    def __init__(self, period: float, work: Callable[[], None]) -> None:
        self._period = period
        self._work = work
        self._due = 0.0  # monotonic seconds; 0: the first time is at once
        self._complaint = Complaint()

    def do_if_due(self) -> None:
        if time.monotonic() < self._due:
            return
        try:
            self._work()
            self._complaint.clear()
        except StoreUnavailable as error:
            if self._complaint.is_news(str(error)):
                LOG.warning("%s: %s", self._work.__name__.strip("_"), error)
        except Exception:
            LOG.exception("%s failed", self._work.__name__.strip("_"))
        self._due = time.monotonic() + self._period
