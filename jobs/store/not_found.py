"""What every part of the store says of something that a tenant does not have."""

MAX_JOB_ID = 2**31 - 1  # the largest INTEGER on PostgreSQL


class NotFound(LookupError):
    """The tenant has no such job, run or webhook."""
