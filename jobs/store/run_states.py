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


# How a reason begins, and what it is called in figures, which must have few names
_KINDS = {
    "time-out": "timeout",
    "cancelled": "cancelled",
    "the server was stopped": "server_stopped",
    "the program could not be started": "not_started",
    "the runner failed": "runner_failed",
    "ended by the limit": "limit",
    "ended by the CPU limit": "limit",
    "exit code": "exit_code",
    "signal": "signal",
    "the program ended with exit code 0": "open_node",
}


ENDS_TOLD = [
    *((end, end.value) for end in (RunStatus.COMPLETED, RunStatus.CANCELLED, RunStatus.LOST)),
    *((RunStatus.FAILED, kind) for kind in sorted({*_KINDS.values(), "other"})),
]


def kind_of_reason(end: RunStatus, reason: str | None) -> str:
    """The kind of reason for which a run ended: one of few names."""
    if end in (RunStatus.COMPLETED, RunStatus.LOST) or not reason:
        return end.value
    kinds = (kind for begin, kind in _KINDS.items() if reason.startswith(begin))
    return next(kinds, "other")
