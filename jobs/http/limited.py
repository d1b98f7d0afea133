"""What a token may ask that is limited to one job, or to one run of it. Whatever is not named here is closed to it.

It looks, executes and cancels. It changes nothing: who writes a job's graph reads whatever a job of the tenant may read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobs.http.api import BLUEPRINT

JobOf = Callable[[str], int | None]
"""The job of a run of the tenant; None where there is no such run."""


def _endpoints(*handlers: str) -> frozenset[str]:
    return frozenset(f"{BLUEPRINT}.{handler}" for handler in handlers)


OF_NOBODY = _endpoints("node_types")  # the same for each tenant: what a graph is drawn with
OF_THE_JOB = _endpoints("read_job", "execute")  # not with a token of one run
LISTS = _endpoints("list_runs")  # with a token of one run, that run alone
OF_A_RUN = _endpoints(
    *("read_run", "cancel", "read_log", "read_program", "read_history", "events", "wait"),
    *("read_output", "read_kept"),
)


def may_ask(
    endpoint: str | None,
    named: Mapping[str, object],
    job_id: int,
    run_id: str | None,
    job_of: JobOf,
) -> bool:
    """Whether a token limited to the job, or to the run where one is given, may ask this endpoint of what the address names."""
    if endpoint in OF_NOBODY:
        return True
    if endpoint in OF_THE_JOB:
        return run_id is None and named.get("job_id") == job_id
    if endpoint in LISTS:
        return named.get("job_id") == job_id
    if endpoint in OF_A_RUN:
        asked = str(named.get("run_id"))
        return run_id in (None, asked) and job_of(asked) == job_id
    return False
