"""Which progress messages leave a program, in which order, and which need not: pure rules."""

from collections import deque
from dataclasses import dataclass

from progress_lib.progress import Progress

COUNT_PERIOD = 0.05  # seconds between two running counts of a node: 20 a second look smooth
MAX_NODES = 10_000  # nodes one program may name; more is a mistake, and only costs memory


@dataclass(slots=True)
class _Node:
    latest: Progress  # the newest that was reported
    due: float = 0.0  # when its next running count may leave


class Outbox:
    """Keeps, for each node, what still has to be said; bounded by two messages a node.

    A change of status waits in the order it was reported, leaves at once and is never dropped or
    overtaken. A running count that has not left is replaced by a newer one of its node. What is
    reported of a node after its end is not true of this run and is not kept. Not locked: the
    reporter holds its own lock around each call.
    """

    def __init__(self) -> None:
        self._nodes: dict[int, _Node] = {}
        self._changes: deque[Progress] = deque()
        self._counts: set[int] = set()  # nodes with a running count that has not left

    def add(self, progress: Progress) -> bool:
        """Notes what is now true. True when something has to leave that did not have to before."""
        node = self._nodes.get(progress.node_id)
        if node is None:
            if len(self._nodes) >= MAX_NODES:
                return False
            self._nodes[progress.node_id] = _Node(progress)
        elif node.latest.status.is_terminal:
            return False
        else:
            before, node.latest = node.latest, progress
            if progress.status is before.status:
                is_first = progress.node_id not in self._counts
                self._counts.add(progress.node_id)
                return is_first
        self._counts.discard(progress.node_id)
        self._changes.append(progress)
        return True

    def due(self, now: float) -> list[Progress]:
        """What may leave at `now` (monotonic seconds), in order; say `sent` of each that left."""
        changing = {progress.node_id for progress in self._changes}
        counts = [
            self._nodes[node_id].latest
            for node_id in self._counts
            if node_id not in changing and self._nodes[node_id].due <= now
        ]
        return [*self._changes, *counts]

    def sent(self, progress: Progress, now: float) -> None:
        """Forgets one that `due` gave, in the order it gave them."""
        node = self._nodes[progress.node_id]
        node.due = now + COUNT_PERIOD
        if self._changes and self._changes[0] is progress:
            self._changes.popleft()
        elif node.latest is progress:
            self._counts.discard(progress.node_id)

    def next_due(self) -> float | None:
        """When something may leave at the earliest (monotonic seconds); None when all has left."""
        if self._changes:
            return 0.0
        return min((self._nodes[node_id].due for node_id in self._counts), default=None)

    def last(self) -> list[Progress]:
        """The newest of each node, in the order in which they began."""
        return [node.latest for node in self._nodes.values()]

    def repeat(self) -> None:
        """Queues the last state of every node again: what left last may have been lost on its way."""
        changing = {progress.node_id for progress in self._changes}
        lost = [node.latest for id_, node in self._nodes.items() if id_ not in changing]
        self._changes.extendleft(reversed(lost))
        self._counts.clear()
