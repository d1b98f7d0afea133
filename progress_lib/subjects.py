"""The NATS subjects of the system: the only place that knows how they are spelled."""

import re

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SUBJECT = re.compile(r"[^\s.*>\x00-\x20\x7f]+(?:\.[^\s.*>\x00-\x20\x7f]+)*")

EVERY_TENANT = "*"


def check_id(text: object) -> str:
    """`text` itself, once it is fit to be one token of a subject.

    Raises ValueError: a dot, a star or a line break in an id would reach another's subject.
    """
    if isinstance(text, str) and ID.fullmatch(text):
        return text
    raise ValueError(f"id {text!r:.80} is not of the form [A-Za-z0-9_-]{{1,64}}")


def check_subject(subject: str) -> str:
    """`subject` itself, once it is a concrete subject (no wildcard, no white space)."""
    if _SUBJECT.fullmatch(subject):
        return subject
    raise ValueError(f"subject {subject!r:.120} has an empty, wildcard or unprintable token")


def progress_subject(tenant_id: str, job_id: int | str) -> str:
    """Where the progress of a job's nodes is published."""
    return f"tenant.{check_id(tenant_id)}.job.{check_id(str(job_id))}.progress"


def status_subject(tenant_id: str, job_id: int | str) -> str:
    """Where the changes of a run's own status are published."""
    return f"tenant.{check_id(tenant_id)}.job.{check_id(str(job_id))}.status"


def every_kind(tenant_id: str, job_id: int | str) -> str:
    """The wildcard over all that is said of one job."""
    return f"tenant.{check_id(tenant_id)}.job.{check_id(str(job_id))}.*"


def every_job(tenant_id: str, kind: str) -> str:
    """The wildcard over all jobs of one tenant, or of all with `EVERY_TENANT`; kind: progress | status."""
    tenant = tenant_id if tenant_id == EVERY_TENANT else check_id(tenant_id)
    return f"tenant.{tenant}.job.*.{kind}"
