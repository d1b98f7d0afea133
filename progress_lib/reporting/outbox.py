"""Which progress messages leave a program, in which order, and which need not: pure rules."""

from collections import deque
from collections.abc import Iterable

from progress_lib.progress import Progress

COUNT_PERIOD = 0.05  # seconds between two running counts of a node: 20 a second look smooth
MAX_NODES = 10_000  # nodes one program may name; more is a mistake, and only costs memory


class OutboxFull(Exception):
    """There is no room for another node."""


class Outbox:
    """Keeps, for each node, what still has to be said; bounded by two messages a node.

    A change of status waits in the order it was reported, leaves at once and is never dropped or
    overtaken. A running count that has not left is replaced by a newer one of its node; the counts
    of all nodes leave together, in rounds, because waking a thread costs the program more than a
    message does. What is reported of a node after its end is not true of this run and is not kept.
    Not locked: the reporter holds its own lock around each call.
    """

    def __init__(self) -> None:
        self._latest: dict[int, Progress] = {}  # by node, in the order in which they began
        self._changes: deque[Progress] = deque()
        self._counts: set[int] = set()  # nodes with a running count that has not left
        self._changed: dict[int, float] = {}  # when a change of a node's status left, of late
        self._next_round = 0.0  # monotonic seconds
        self._goes_on = False  # the last round found counts: there will be another

    def add(self, progress: Progress) -> bool:
        """Notes what is now true. True when it must be looked at sooner than `next_due` said. Raises OutboxFull."""
        node_id = progress.node_id
        before = self._latest.get(node_id)
        if before is None:
            if len(self._latest) >= MAX_NODES:
                raise OutboxFull(f"a program may name {MAX_NODES:,}")
        elif before.status.is_terminal:
            return False
        if before is not None and progress.status is before.status:
            self._latest[node_id] = progress
            is_first = not self._counts
            self._counts.add(node_id)
            return is_first and not self._goes_on
        self._counts.discard(node_id)
        self._changes.append(progress)
        self._latest[node_id] = progress  # last: a signal's handler may break off what is before
        return True

    def due(self, now: float) -> list[Progress]:
        """What may leave at `now` (monotonic seconds), in order; say `sent` of what left."""
        if now < self._next_round:
            return list(self._changes)
        self._next_round = now + COUNT_PERIOD
        self._goes_on = bool(self._counts)
        since = now - COUNT_PERIOD
        self._changed = {node_id: at for node_id, at in self._changed.items() if at > since}
        return [*self._changes, *self._counts_without(self._changed)]

    def rest(self) -> list[Progress]:
        """All that has not left, in order, whatever the time."""
        return [*self._changes, *self._counts_without(())]

    def _counts_without(self, node_ids: Iterable[int]) -> list[Progress]:
        changing = (progress.node_id for progress in self._changes)
        return [self._latest[node_id] for node_id in self._counts.difference(node_ids, changing)]

    def sent(self, left: list[Progress], now: float) -> None:
        """Forgets what `due` or `rest` gave, from its start."""
        for progress in left:
            if self._changes and self._changes[0] is progress:
                self._changes.popleft()
                self._changed[progress.node_id] = now
            elif self._latest[progress.node_id] is progress:
                self._counts.discard(progress.node_id)

    def count_of(self, node_id: int) -> int:
        """The newest count of a node; 0 of one that nothing is known of."""
        latest = self._latest.get(node_id)
        return 0 if latest is None else latest.row_count

    def has(self, node_id: int) -> bool:
        """Whether something was added of the node, or is being added."""
        return node_id in self._latest or any(change.node_id == node_id for change in self._changes)

    def has_ended(self, node_id: int) -> bool:
        """Whether a node is over, so that nothing more of it is kept."""
        latest = self._latest.get(node_id)
        return latest is not None and latest.status.is_terminal

    @property
    def is_empty(self) -> bool:
        return not self._changes and not self._counts

    def next_due(self) -> float | None:
        """When to look at the earliest (monotonic seconds); None: not before something is added."""
        if self._changes:
            return 0.0
        return self._next_round if self._counts or self._goes_on else None

    def last(self) -> list[Progress]:
        """The newest of each node, in the order in which they began."""
        return list(self._latest.values())

    def repeat(self) -> None:
        """Queues the last state of every node again: what left last may have been lost on its way."""
        changing = {progress.node_id for progress in self._changes}
        lost = [latest for node_id, latest in self._latest.items() if node_id not in changing]
        self._changes.extendleft(reversed(lost))
        self._counts &= changing  # of all others the newest count has just been queued
