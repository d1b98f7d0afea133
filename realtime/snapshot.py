"""What is now true of one job, and which message would step back behind it: pure rules."""

from enum import IntEnum
from typing import NamedTuple

from progress_lib.progress import RUNNING, Progress, follows

MAX_NODES = 10_000  # nodes kept of one job; a job with more than this is a mistake
PAST_RUNS = 8  # ended runs of a job whose stragglers are recognised

_RANK = {"queued": 0, "running": 1}  # all other statuses of a run are ends
_ENDED = 2


class News(IntEnum):
    """What a message brought, beside what was known. Only NONE is false."""

    NONE = 0  # it came late or twice
    COUNT = 1  # of a running node whose last word was a count, too: a newer one says all
    CHANGE = 2


NONE, COUNT, CHANGE = News  # looked up once: each time costs 0.1 µs in Python 3.11


class RunStatus(NamedTuple):
    """The part of a `job.status` payload that the hub understands."""

    run_id: str
    status: str

    @property
    def is_end(self) -> bool:
        return _rank(self.status) == _ENDED


class _Known(NamedTuple):
    state: Progress
    payload: bytes


class JobSnapshot:
    """The last status of a job's run and the last progress of each of its nodes.

    What comes late or twice is recognised (`progress_lib.progress.follows`) and not shown.
    """

    def __init__(self) -> None:
        self._run: RunStatus | None = None
        self._run_payload = b""
        self._nodes: dict[int, _Known] = {}
        self._past: list[str] = []

    def apply_progress(self, progress: Progress, payload: bytes) -> News:
        """Notes it; NONE when it says less than what is known and must not be shown."""
        known = self._nodes.get(progress.node_id)
        if progress.run_id in self._past:
            return NONE
        if known is not None and not follows(progress, known.state):
            return NONE
        if known is not None or len(self._nodes) < MAX_NODES:
            self._nodes[progress.node_id] = _Known(progress, payload)
        return COUNT if known and _supersedes(progress, known.state) else CHANGE

    def apply_status(self, run: RunStatus, payload: bytes) -> News:
        """Notes a run's status; a new run of the job starts with no nodes."""
        if run.run_id in self._past:
            return NONE
        if self._run is None or self._run.run_id != run.run_id:
            self._begin(run.run_id)
        elif _rank(run.status) <= _rank(self._run.status):
            return NONE
        self._run, self._run_payload = run, payload
        return CHANGE

    def _begin(self, run_id: str) -> None:
        if self._run is not None:
            self._past = [*self._past, self._run.run_id][-PAST_RUNS:]
        self._nodes = {
            node_id: known for node_id, known in self._nodes.items() if known.state.run_id == run_id
        }

    def recognise(self, past: "JobSnapshot") -> None:
        """Takes over which runs are over, so that what comes late of them is not shown."""
        over = [run for run in past._past if run != self.run_id and run not in self._past]
        self._past = [*over, *self._past][-PAST_RUNS:]

    @property
    def run_id(self) -> str | None:
        return self._run.run_id if self._run is not None else None

    @property
    def status_payload(self) -> bytes | None:
        return self._run_payload if self._run is not None else None

    @property
    def progress_payloads(self) -> list[bytes]:
        return [known.payload for known in self._nodes.values()]

    @property
    def is_ended(self) -> bool:
        return self._run is not None and self._run.is_end


def _rank(status: str) -> int:
    return _RANK.get(status, _ENDED)


def _supersedes(after: Progress, before: Progress) -> bool:
    """Whether it is a newer count of the same run: who saw only `after` missed nothing."""
    return (
        after.status is RUNNING
        and before.status is RUNNING
        and after.run_id is not None
        and after.run_id == before.run_id
        and after.seq is not None
    )
