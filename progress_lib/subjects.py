"""The NATS subjects of the system: the only place that knows how they are spelled."""

import re

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SUBJECT = re.compile(r"[^\s.*>\x00-\x20\x7f]+(?:\.[^\s.*>\x00-\x20\x7f]+)*")

MAX_JOB_ID = 2**53 - 1  # the largest integer that JavaScript keeps exactly
EVERY_TENANT = "*"
PROGRESS_STREAM = "PROGRESS"  # what was said of jobs, for whoever comes later
RUNS_STREAM = "RUNS"  # the work queue
TAGGED_RUNS_STREAM = "TAGGED_RUNS"  # that of runs for runners with a tag
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def check_id(text: object) -> str:
    """`text` itself, once it is fit to be one token of a subject.

    Raises ValueError: a dot, a star or a line break in an id would reach another's subject.
    """
    if isinstance(text, str) and ID.fullmatch(text):
        return text
    raise ValueError(f"id {text!r:.80} is not of the form [A-Za-z0-9_-]{{1,64}}")


def job_number(job_id: object) -> int:
    """The job that an environment or a program names: 42, "42", "042\\n". Raises ValueError: no page could show another one."""
    text = str(job_id).strip()
    if text.isascii() and text.isdecimal() and 0 < int(text) <= MAX_JOB_ID:
        return int(text)
    raise ValueError(f"job {job_id!r:.80} is no whole number from 1 to {MAX_JOB_ID}")


def check_subject(subject: str) -> str:
    """`subject` itself, once it is a concrete subject (no wildcard, no white space)."""
    if _SUBJECT.fullmatch(subject):
        return subject
    raise ValueError(f"subject {subject!r:.120} has an empty, wildcard or unprintable token")


def check_prefix(text: str) -> str:
    """`text` itself, once it is fit to stand before all subjects and streams of an installation. Raises ValueError."""
    if _PREFIX.fullmatch(text):
        return text
    raise ValueError(
        f"{text!r:.80} is not of the form [A-Za-z0-9_-]{{1,32}}, with a letter or a digit first"
    )


def prefixed(prefix: str, subject: str) -> str:
    """A subject of ours as it stands on the wire. Subjects of NATS itself ($JS, $SYS, _INBOX) have no prefix."""
    return f"{prefix}.{subject}" if prefix and subject[:1] not in ("$", "_") else subject


def stream_name(prefix: str, name: str) -> str:
    """The name of a stream of ours."""
    return f"{prefix}_{name}" if prefix else name


def progress_subject(tenant_id: str, job_id: int | str) -> str:
    """Where the progress of a job's nodes is published."""
    return f"tenant.{check_id(tenant_id)}.job.{check_id(str(job_id))}.progress"


def status_subject(tenant_id: str, job_id: int | str) -> str:
    """Where the changes of a run's own status are published."""
    return f"tenant.{check_id(tenant_id)}.job.{check_id(str(job_id))}.status"


def deleted_subject(tenant_id: str, job_id: int | str) -> str:
    """Where web workers are told that a job was deleted. No stream keeps it."""
    return f"tenant.{check_id(tenant_id)}.job.{check_id(str(job_id))}.deleted"


def every_kind(tenant_id: str, job_id: int | str) -> str:
    """The wildcard over all that is said of one job."""
    return f"tenant.{check_id(tenant_id)}.job.{check_id(str(job_id))}.*"


def every_job(tenant_id: str, kind: str) -> str:
    """The wildcard over all jobs of one tenant, or of all with `EVERY_TENANT`; kind: progress | status | deleted."""
    tenant = tenant_id if tenant_id == EVERY_TENANT else check_id(tenant_id)
    return f"tenant.{tenant}.job.*.{kind}"
