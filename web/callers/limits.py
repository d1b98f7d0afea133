"""What a token may be limited to: one job, or one run of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from progress_lib.subjects import MAX_JOB_ID, check_id

# Claims. GitLab and GitHub write `job_id` and `run_id` for jobs of their own.
JOB, RUN = "progress_job", "progress_run"


@dataclass(frozen=True, slots=True)
class Limit:
    """The one job, or the one run of it, that a token lets in to."""

    job_id: int
    run_id: str | None = None

    def __str__(self) -> str:
        job = f"job {self.job_id}"
        return job if self.run_id is None else f"run {self.run_id} of {job}"

    @property
    def claims(self) -> dict[str, object]:
        """What `limit_of` reads."""
        return {JOB: self.job_id} if self.run_id is None else {JOB: self.job_id, RUN: self.run_id}


def limit_of(claims: Mapping[str, object]) -> Limit | None:
    """What a token is limited to; None: to nothing. Raises ValueError for what nobody understands, rather than let in to all."""
    if JOB not in claims and RUN not in claims:
        return None
    job_id, run_id = claims.get(JOB), claims.get(RUN)
    if type(job_id) is not int or not 0 < job_id <= MAX_JOB_ID:
        raise ValueError(f"{JOB} is not the number of a job")
    if RUN not in claims:
        return Limit(job_id)
    try:
        return Limit(job_id, check_id(run_id))
    except ValueError:
        raise ValueError(f"{RUN} is not the id of a run") from None
