"""Why the store does not do what it is asked for."""

from __future__ import annotations


class AlreadyRunning(Exception):
    """The job has a run that has not ended, so no other may begin."""

    def __init__(self, job_id: int, run_id: str) -> None:
        super().__init__(f"job {job_id} is already running: run {run_id} has not ended")
        self.job_id = job_id
        self.run_id = run_id


class RunNotEnded(Exception):
    """The run has not ended, so it cannot be deleted."""


class JobChanged(Exception):
    """The job has changed since the caller read it."""


class TooManyQueued(Exception):
    """The tenant has as many queued runs as it may have."""


class IdempotencyMismatch(Exception):
    """The key was used before, for another request."""
