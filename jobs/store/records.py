"""Jobs and runs as the store returns them: frozen values, with no tie to the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jobs.graph.documents.again import Again
from jobs.graph.documents.feeding import is_reject, rejecting_nodes
from jobs.store.process_identity import ProcessIdentity
from jobs.store.runs.kept import Kept
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import KINDS, EndKind, RunStatus
from program_lib.rejects import REJECTED
from progress_lib.progress import MAX_WHOLE


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
    last_runs: tuple[LastRun, ...] = ()  # newest first, as many as were asked for

    @property
    def last_run(self) -> LastRun | None:
        return self.last_runs[0] if self.last_runs else None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list holds."""

    name: str = ""  # a part of the name, whatever its case and accents
    last_statuses: frozenset[RunStatus] = frozenset()  # of the last run; empty: any, or none


class Rows(NamedTuple):
    """How many rows a graph has read, written and rejected."""

    read: int
    written: int
    rejected: int


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
    parameters: Mapping[str, str | None]  # each parameter's text; None: NULL
    attempt: int = 1  # this one, of …
    attempts: int = 1
    retry_of: str | None = None  # the run that failed, which this one retries
    due_at: float | None = None  # of a retry: it is not queued before
    started_by: str | None = None  # the subject of the token that executed it
    rows_in: int | None = None  # rows that its graph has read; None: not noted
    rows_out: int | None = None  # and written
    rows_rejected: int | None = None
    runner_tag: str | None = None  # of the runners that may take it; None: it asks for none
    traceparent: str | None = None  # what its spans are children of
    from_run: str | None = None  # the run whose kept outputs it began with …
    from_node: int | None = None  # … and the node that it began at

    @property
    def has_ended(self) -> bool:
        return self.status.is_end

    @property
    def rows(self) -> Rows | None:
        """What its graph has read, written and rejected, where that was noted."""
        if self.rows_in is None:
            return None
        return Rows(self.rows_in, self.rows_out or 0, self.rows_rejected or 0)

    def waits_until(self, now: float) -> float | None:
        """When a retry is due that waits for its time; None for every other run."""
        is_early = self.due_at is not None and self.due_at > now
        return self.due_at if is_early and self.status is RunStatus.QUEUED else None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list holds; times are those at which they were created, `until` not included."""

    statuses: frozenset[RunStatus] = frozenset()  # empty: any
    job_id: int | None = None
    since: float | None = None
    until: float | None = None
    run_id: str | None = None  # of a job, this one alone


@dataclass(frozen=True, slots=True)
class Place:
    """A run's place in a list of runs."""

    created_at: float
    run_id: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A run's place in a list of runs that wait, which begins with those whose turn is next.

    Retries that were not due when the list began, at `listed_at`, come last: `due_at` is when they are; 0.0 of all others.
    """

    listed_at: float
    due_at: float
    created_at: float
    run_id: str

    @classmethod
    def of(cls, run: Run, listed_at: float) -> Turn:
        due_at = run.waits_until(listed_at) or 0.0
        return cls(listed_at, due_at, run.created_at, run.run_id)


@dataclass(frozen=True, slots=True)
class Work:
    """What the rows of a run are counted from: how rows flow in its graph, and the last state of each node."""

    fed: frozenset[int]  # nodes that get rows of others
    feeding: frozenset[int]  # nodes whose good rows others get
    rejecting: frozenset[int]  # nodes whose bad rows others get
    nodes: list[NodeState]

    @classmethod
    def of(cls, graph: dict[str, Any], nodes: list[NodeState]) -> Work:
        """Keeps nothing of the graph, which may be large, beside the numbers of its nodes."""
        edges = graph.get("edges") or []
        return cls(
            frozenset(edge["to"] for edge in edges),
            frozenset(edge["from"] for edge in edges if not is_reject(graph, edge)),
            frozenset(rejecting_nodes(graph)),
            nodes,
        )

    def rows(self) -> Rows:
        ran = [node.progress for node in self.nodes if node.progress.from_run is None]
        counts = {progress.node_id: progress.row_count for progress in ran}
        ports = {progress.node_id: progress.ports or {} for progress in ran}
        return Rows(
            read=_total(count for node_id, count in counts.items() if node_id not in self.fed),
            written=_total(
                count for node_id, count in counts.items() if node_id not in self.feeding
            ),
            rejected=_total(ports[one].get(REJECTED, 0) for one in self.rejecting & ports.keys()),
        )


def _total(counts: Iterable[int]) -> int:
    """Within the 64 bits that a column has: what programs say of themselves may be anything."""
    return max(-MAX_WHOLE, min(sum(counts), MAX_WHOLE - 1))


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
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    attempts: int = 1  # runs in all, if each fails
    started_by: str | None = None
    runner_tag: str | None = None
    traceparent: str | None = None
    again: Again | None = None  # None: it runs all of its nodes


@dataclass(frozen=True, slots=True)
class Move:
    """A run's move to another status, and what is written with it.

    `kind`: why a run ended, for who gets no text. `runner`: the run must belong to it. `retry_after`: a retry is recorded that is due after so many seconds, unless somebody
    asked for the run's cancel.
    """

    frm: RunStatus
    to: RunStatus
    reason: str | None = None
    exit_code: int | None = None
    nodes: Sequence[NodeState] = ()
    runner: ProcessIdentity | str | None = None
    log: LogEnd | None = None
    retry_after: float | None = None
    kept: Kept | None = None
    kind: EndKind | None = None

    @property
    def end_kind(self) -> EndKind:
        """Of a move to an end."""
        kind = self.kind or KINDS[self.to][0]
        assert kind in KINDS[self.to], f"a run that is {self.to} did not end by {kind}"
        return kind


@dataclass(frozen=True, slots=True)
class Waiting:
    """What all tenants wait for: runs that have not ended, for how many seconds one is queued at most, and deliveries to webhooks."""

    queued: int
    running: int
    longest: float
    deliveries: int = 0


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
    again: Again | None = None
