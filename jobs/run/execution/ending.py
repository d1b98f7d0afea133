"""How a run ends: by a time-out that has passed, or decided from what its runner saw of the program. Pure."""

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.store.runs.run_states import EndKind, RunStatus
from program_lib.process.exit_codes import STANDS
from progress_lib import Progress, Status
from settings.defaults import Deadlines

REASON_CAP = 2_000  # characters that a person reads; the log has the rest
MOST_NAMES = 3  # of outputs, in a reason
KILLED_BY = "not by its runner; as a rule the kernel does it, where the machine or a container has no memory left"
TERMINATED_BY = (
    "SIGTERM ended it, and not its runner; as a rule a person or a service manager sends that"
)
# by exit code, where the last lines that the program wrote do not tell of its end
_NOT_TOLD_BY_IT = {
    -signal.SIGKILL: KILLED_BY,
    -signal.SIGTERM: TERMINATED_BY,
}
LONGEST_STEP = 2.0  # seconds of silence that one look adds; looks are half a second apart
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the runner ended a program: what the run becomes, and the reason that people read."""

    status: RunStatus
    reason: str
    kind: EndKind


@dataclass(frozen=True, slots=True)
class Seen:
    """What the runner knows when a program has ended."""

    exit_code: int  # negative: the signal that ended it
    stderr_tail: str
    open_nodes: list[Progress]
    failed_nodes: list[Progress]
    all_completed: bool  # every node of the graph said so
    heard_all: bool  # no message is missing, so an open node was really open
    ending: Ending | None = None  # set when the runner ended the program
    committing: Sequence[str] = ()  # outputs whose commit had begun


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a run, and how its open nodes are closed."""

    status: RunStatus
    reason: str | None
    close_as: Status
    close_message: str
    kind: EndKind
    may_retry: bool = True  # else rows could be written twice


class Silence:
    """For how long a program has said nothing while its runner listened. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._looked_at = now
        self._last_word: float | None = None
        self._seconds = 0.0

    def look(self, now: float, last_word: float | None, *, is_heard: bool) -> float:
        """How many seconds of silence there are by now. Call it often.

        `last_word`: when a node last reported; None when none has. While nobody `is_heard`, since NATS is away, there is no silence, and it
        begins anew after that. Of the time between two looks LONGEST_STEP counts: a runner that stood still heard nobody, either. So looks
        that a database holds up tell less silence than there is.
        """
        passed = min(now - self._looked_at, LONGEST_STEP)
        has_spoken = last_word != self._last_word
        self._looked_at, self._last_word = now, last_word
        self._seconds = 0.0 if has_spoken or not is_heard else self._seconds + passed
        return self._seconds


def broken_deadline(
    deadlines: Deadlines, ran: float, silent: float, *, has_spoken: bool
) -> Ending | None:
    """The end of a run that has passed a time-out, else None.

    `ran`: seconds since its start; `silent`: seconds of Silence; `has_spoken`: whether a node has ever reported.
    """
    if deadlines.run and ran > deadlines.run:
        return _timed_out(f"ran longer than {deadlines.run:g} s")
    if not has_spoken:
        if deadlines.start and silent > deadlines.start:
            return _timed_out(f"no node started within {deadlines.start:g} s")
    elif deadlines.silence and silent > deadlines.silence:
        return _timed_out(f"no progress for {deadlines.silence:g} s")
    return None


def decide(seen: Seen) -> Verdict:
    """The end of a run. A run whose program did all its work has completed, even if a stop was asked for.

    Exit code 0 means that all work is done, unless a node is known to be open.
    """
    did_all = seen.exit_code == 0 and (seen.all_completed or not seen.heard_all)
    stands = told_standing(seen.committing) if seen.exit_code < 0 else ""
    may_retry = not stands and seen.exit_code != STANDS
    if seen.ending is not None and not did_all:
        verdict = failed(f"{seen.ending.reason}{stands}", seen.ending.kind)
        return replace(verdict, status=seen.ending.status, may_retry=may_retry)
    if seen.exit_code != 0:
        kind = EndKind.SIGNAL if seen.exit_code < 0 else EndKind.EXIT_CODE
        verdict = failed(f"{exit_text(seen.exit_code)}{stands}{_explained(seen)}", kind)
        return replace(verdict, may_retry=may_retry)
    if seen.open_nodes and seen.heard_all:
        names = ", ".join(_named(node) for node in seen.open_nodes)
        reason = f"the program ended with exit code 0 while {names} was still running"
        return failed(reason, EndKind.OPEN_NODE)
    return Verdict(
        RunStatus.COMPLETED,
        None,
        Status.COMPLETED,
        "ended well while NATS was away; the count is the last one that was seen",
        EndKind.COMPLETED,
    )


def told_standing(committing: Sequence[str]) -> str:
    """The end of a killed program's reason, where outputs had begun to commit."""
    if not committing:
        return ""
    names = ", ".join(committing[:MOST_NAMES])
    others = len(committing) - MOST_NAMES
    told = f"{names} and {others:,} more" if others > 0 else names
    return f"; it was killed at its very end, so that what {told} wrote may stand"


def exit_text(exit_code: int) -> str:
    """An exit code in words: "exit code 1", or "signal SIGKILL" for -9."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"signal {-exit_code}"


def failed(reason: str, kind: EndKind) -> Verdict:
    """The verdict that the run failed for this reason, and with it each node that had not ended."""
    told = as_reason(reason)
    return Verdict(RunStatus.FAILED, told, Status.FAILED, told, kind)


def _timed_out(reason: str) -> Ending:
    return Ending(RunStatus.FAILED, f"time-out: {reason}", EndKind.TIME_OUT)


def _explained(seen: Seen) -> str:
    """The first failed node's message, else the last lines of stderr; "" when there is neither."""
    if seen.failed_nodes:
        node = seen.failed_nodes[0]
        return f": {_named(node)} failed: {node.message}"
    if seen.exit_code in _NOT_TOLD_BY_IT:
        return f": {_NOT_TOLD_BY_IT[seen.exit_code]}"
    if seen.exit_code == 128 + signal.SIGTERM:  # of a shell, or its own
        return f": {'; '.join(filter(None, (TERMINATED_BY, seen.stderr_tail)))}"
    return f": {seen.stderr_tail}" if seen.stderr_tail else ""


def _named(node: Progress) -> str:
    return f'node {node.node_id} "{node.node_name}"'


def as_reason(text: str) -> str:
    """As a database keeps it, whatever a program said: of REASON_CAP characters at most, without NUL and halves of characters."""
    whole = _UNSTORABLE.sub("\ufffd", text)
    return whole if len(whole) <= REASON_CAP else whole[: REASON_CAP - 1] + "…"
