"""Jobs and runs as the store returns them: frozen values, with no tie to the database."""

from dataclasses import dataclass
from typing import Any

from jobs.store.node_states import NodeState
from jobs.store.run_states import RunStatus


@dataclass(frozen=True, slots=True)
class Job:
    """A stored graph; times are seconds since 1970."""

    tenant_id: str
    job_id: int
    name: str
    graph: dict[str, Any]  # the graph document as it was posted
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class LastRun:
    """A job's newest run, as the list of jobs tells it."""

    run_id: str
    status: RunStatus
    created_at: float
    started_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class JobEntry:
    """A job in its tenant's list, without its graph, which may be a megabyte."""

    job_id: int
    name: str
    created_at: float
    updated_at: float
    last_run: LastRun | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a job; times are seconds since 1970."""

    tenant_id: str
    run_id: str
    job_id: int
    job_name: str
    status: RunStatus
    reason: str | None
    exit_code: int | None  # -N: signal N ended the program
    created_at: float
    started_at: float | None
    ended_at: float | None
    queued_at: float  # when it was last put in the queue
    cancel_requested_at: float | None
    runner: str | None  # the runner's ProcessIdentity, as text
    program_pid: int | None
    beat: int  # grows while its runner lives

    @property
    def has_ended(self) -> bool:
        return self.status.is_end


@dataclass(frozen=True, slots=True)
class Work:
    """What a list of runs shows of a run: its graph and the last state of each node."""

    graph: dict[str, Any]
    nodes: list[NodeState]


@dataclass(frozen=True, slots=True)
class LogEnd:
    """What is kept of a log with its run: how many bytes it has, and the last of them."""

    size: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that execute asks to record."""

    job_id: int
    graph: dict[str, Any]
    program: str
    idempotency_key: str | None = None
    request_hash: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The run of an execute. `is_new` is False when the same request had come before."""

    run: Run
    is_new: bool


@dataclass(frozen=True, slots=True)
class Started:
    """A run that a runner has just made its own, with its graph and program."""

    run: Run
    graph: dict[str, Any]
    program: str
