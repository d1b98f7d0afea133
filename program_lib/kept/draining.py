"""What becomes of the other nodes when one fails in a run that keeps outputs: those before it go on to their end.

Rows flow through all nodes at once, so that at a failure no node before it is done. What they give is kept as a whole,
so that a run can begin again at the node that failed; nothing else goes on, and nothing is committed.
"""

from __future__ import annotations

from program_lib.batch import Batch
from program_lib.nodes import Node, NodeFailed
from program_lib.nodes.reading_order import ancestors
from progress_lib import Status


class Draining:
    """Stands between nodes and those that get their rows. One thread uses it."""

    def __init__(self) -> None:
        self.failure: NodeFailed | None = None  # the first one, which is the run's
        self._needed: set[Node] = set()  # after the failure: nodes that go on
        self._is_over = False

    def take(self, node: Node, batch: Batch, port: str) -> None:
        """Hands rows on, as `node.take`; a node that fails gets no more. Raises NodeFailed once nothing is to be gained."""
        if self._goes_on(node):
            try:
                node.take(batch, port)
            except NodeFailed as failed:
                self.note(failed)
        self._check()

    def end(self, node: Node, port: str) -> None:
        """Tells a node that an input has ended, as `node.end`."""
        if self._goes_on(node):
            try:
                node.end(port)
            except NodeFailed as failed:
                self.note(failed)
        self._check()

    def wants(self, source: Node) -> bool:
        """Whether a source is to be read."""
        return self._goes_on(source)

    def note(self, failed: NodeFailed) -> None:
        """A node has failed. Raises NodeFailed, of the first one, where nothing that goes on would help."""
        if self._is_over:
            raise failed
        if self.failure is None:
            self.failure = failed
            self._needed = ancestors(failed.node, failed.node.inputs)
            self._check()
            failed.node.say(
                Status.RUNNING,
                f"It failed: {failed.reason}. The nodes before it go on to their end, to be kept",
            )
        else:
            self._is_over = True  # a node before the one that failed
            raise self.failure

    def _goes_on(self, node: Node) -> bool:
        return self.failure is None or node in self._needed

    def _check(self) -> None:
        """Ends the run where what the failed node gets will not be there, or is there already."""
        if self.failure is None:
            return
        feeding = self.failure.node.inputs.values()
        keepings = [feeder.node.keeping for feeders in feeding for feeder in feeders]
        is_lost = any(one is None or one.is_lost for one in keepings)
        if is_lost or all(one is not None and one.is_kept for one in keepings):
            self._is_over = True
            raise self.failure
