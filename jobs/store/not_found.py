"""What every part of the store says of something that a tenant does not have."""

MAX_STORED_JOB_ID = 2**31 - 1  # the largest INTEGER on PostgreSQL


class NotFound(LookupError):
    """The tenant has no such job, run or webhook."""


def may_be_job(job_id: int) -> bool:
    """Whether a job may have this id; a database fails at others."""
    return 0 < job_id <= MAX_STORED_JOB_ID


def no_job(job_id: int) -> NotFound:
    """What is said where a tenant has no such job."""
    return NotFound(f"there is no job {job_id}" if job_id < 10**20 else "there is no such job")


def no_run(run_id: str) -> NotFound:
    """What is said where a tenant has no such run."""
    return NotFound(f"there is no run {run_id:.64}")
