"""What was said of a deleted job, or of its deleted last run, goes with it: out of the history on NATS, and out of what web workers know."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from jobs.store.store import Store
from logs.complaint import Complaint
from progress_lib.nats.jetstream import NO_STREAM, JetStream, JetStreamError
from progress_lib.nats.link import Link, NatsAway, NatsError
from progress_lib.nats.streams import OtherInstallation, StreamRules, is_anothers
from progress_lib.subjects import PROGRESS_STREAM, deleted_subject, every_kind, stream_name

LOG = logging.getLogger(__name__)

# Seconds for each answer of JetStream: two for one job, and who deletes it waits for them
ANSWER_WAIT = 1.0
# Seconds in which a program that was ended, or lost, may still say something, and a NATS that just returned is not heard by all
STRAGGLERS = 300.0


class DeletedJobs:
    """Forgets deleted jobs at once, and once more later. Threads: any but the link's own.

    The database notes each deletion, so that one that NATS did not hear of is told when it is back, by any runner.
    """

    def __init__(self, store: Store, link: Link, rules: StreamRules | None = None) -> None:
        self._store = store
        self._link = link
        self._rules = rules or StreamRules()
        self._stream = stream_name(link.prefix, PROGRESS_STREAM)
        self._complaint = Complaint()  # (sweeping thread)

    def forget(self, tenant_id: str, job_id: int) -> None:
        """As far as NATS is there now; a sweep does the rest."""
        try:
            self._forget(tenant_id, job_id, self._has_history)
        except NatsError as error:
            LOG.info("the history of the deleted job %d is deleted later: %s", job_id, error)

    def forget_last_run(self, tenant_id: str, job_id: int) -> None:
        """Deletes the job's history on NATS after its newest run was deleted, that of earlier runs included. While NATS is away it stays."""
        try:
            self._forget(tenant_id, job_id, self._has_history)
        except NatsError as error:
            text = "what was said of a deleted run of job %d stays until its age: %s"
            LOG.warning(text, job_id, error)

    def sweep(self) -> None:
        """Forgets all that are noted, and drops the notes of those of whom nothing more will come. Raises StoreUnavailable."""
        try:
            has_history = functools.cache(self._has_history)  # asked once a round
            for job in self._store.sweeps.deleted_jobs():
                self._forget(job.tenant_id, job.job_id, has_history)
                if job.age > STRAGGLERS:
                    self._store.sweeps.drop_deleted_job(job.job_id)
            self._complaint.clear()
        except NatsError as error:
            if self._complaint.is_news(str(error)):
                LOG.warning("the history of deleted jobs is not deleted yet: %s", error)

    def _forget(self, tenant_id: str, job_id: int, has_history: Callable[[], bool]) -> None:
        """The history goes first: a worker that has forgotten the job reads it there. Raises NatsError."""
        if not self._link.is_up:
            raise NatsAway("no connection to NATS")
        is_known = True
        try:
            if has_history():
                self._purge(tenant_id, job_id)
        except OtherInstallation:  # its workers have a job of that number themselves
            is_known = False
        finally:
            if is_known:
                self._link.publish(deleted_subject(tenant_id, job_id), b"")

    def _has_history(self) -> bool:
        """Whether there is a history. Raises OtherInstallation where it is not ours, and NatsError."""
        try:
            info = JetStream(self._link).call(f"STREAM.INFO.{self._stream}", {}, ANSWER_WAIT)
        except JetStreamError as error:
            if error.code == NO_STREAM:
                return False
            raise
        if is_anothers(info["config"], self._rules):
            raise OtherInstallation(f"the stream {self._stream} belongs to another installation")
        return True

    def _purge(self, tenant_id: str, job_id: int) -> None:
        said = {"filter": self._link.prefixed(every_kind(tenant_id, job_id))}
        JetStream(self._link).call(f"STREAM.PURGE.{self._stream}", said, ANSWER_WAIT)
