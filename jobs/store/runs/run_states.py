"""The states of a run and the moves between them, as a table."""

from enum import StrEnum


class RunStatus(StrEnum):
    """The status of a run. The last four are ends, which never change."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_end(self) -> bool:
        return not MOVES[self]


MOVES: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.RUNNING: frozenset(
        {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.LOST}
    ),
    RunStatus.COMPLETED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
    RunStatus.LOST: frozenset(),
}

ENDS = frozenset(status for status in RunStatus if status.is_end)
ACTIVE = frozenset(status for status in RunStatus if MOVES[status])


class IllegalMove(ValueError):
    """A move that is not in the table."""

    def __init__(self, run_id: str, frm: RunStatus, to: RunStatus) -> None:
        super().__init__(f"run {run_id} is {frm} and cannot become {to}")
        self.run_id = run_id
        self.frm = frm
        self.to = to


def check_move(run_id: str, frm: RunStatus, to: RunStatus) -> None:
    """Raises IllegalMove unless the table has the move."""
    if to not in MOVES[frm]:
        raise IllegalMove(run_id, frm, to)


class EndKind(StrEnum):
    """Why a run ended, in one of few words: for figures, traces and webhooks, which get no text of a program."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    LOST = "lost"
    SERVER_STOPPED = "server_stopped"
    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    TIME_OUT = "timeout"
    LIMIT = "limit"
    OPEN_NODE = "open_node"
    NOT_STARTED = "not_started"
    RUNNER_FAILED = "runner_failed"
    OTHER = "other"


# The kinds of each end; the first is that of a move that names none
KINDS: dict[RunStatus, tuple[EndKind, ...]] = {
    RunStatus.COMPLETED: (EndKind.COMPLETED,),
    RunStatus.CANCELLED: (EndKind.CANCELLED, EndKind.SERVER_STOPPED),
    RunStatus.LOST: (EndKind.LOST,),
    RunStatus.FAILED: (
        EndKind.OTHER,
        EndKind.EXIT_CODE,
        EndKind.SIGNAL,
        EndKind.TIME_OUT,
        EndKind.LIMIT,
        EndKind.OPEN_NODE,
        EndKind.NOT_STARTED,
        EndKind.RUNNER_FAILED,
    ),
}
