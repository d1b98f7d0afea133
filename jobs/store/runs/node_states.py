"""The last state of each node of a run, by its progress messages. Pure, but for a lock."""

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from progress_lib import MalformedProgress, Progress, Status
from progress_lib.progress import CLOSED_BY_RUNNER, follows_in_run

LOG = logging.getLogger(__name__)

# Nodes of a run. A program that reports more is broken; further nodes are ignored.
MAX_NODES = 10_000
# Bytes of a message that is kept as it came; of a longer one only the known fields are kept
MAX_KEPT = 16 * 1024
MAX_NAME = 256  # characters kept of the node's name and of its run's id in such a longer message


@dataclass(frozen=True, slots=True)
class NodeState:
    """The last progress of a node, and its payload byte for byte."""

    progress: Progress
    payload: bytes

    @classmethod
    def of(cls, progress: Progress) -> "NodeState":
        return cls(progress, progress.to_json())

    @classmethod
    def parse(cls, payload: bytes) -> "NodeState":
        """The state in a progress message. Raises MalformedProgress."""
        progress = Progress.parse(payload)
        if len(payload) > MAX_KEPT:
            return cls.of(
                progress.replace(
                    node_name=progress.node_name[:MAX_NAME],
                    message=progress.message[: MAX_KEPT // 16],
                    run_id=progress.run_id and progress.run_id[:MAX_NAME],
                    row=None,
                    closed_by=None,
                    ports=None,
                    fault=None,
                )
            )
        return cls(progress, payload)


def kept_states(payloads: Iterable[str]) -> Iterator[NodeState]:
    """The states in payloads that a database has kept.

    Without those that an earlier release took, and none would take any more, as of a node id that no page can show: a run must be
    shown, and come to its end, all the same.
    """
    for payload in payloads:
        try:
            yield NodeState.parse(payload.encode())
        except MalformedProgress as error:
            LOG.debug("the state of a node that an earlier release kept is left out: %s", error)


class NodeBoard:
    """Keeps each node's last state. A terminal status stays, and sequence numbers never go back.

    Any thread may call.
    """

    def __init__(self, run_id: str, known: Iterable[NodeState] = ()) -> None:
        self._run_id = run_id
        self._lock = threading.Lock()
        self._nodes: dict[int, NodeState] = {}  # (lock)
        self._unsaved: set[int] = set()  # (lock)
        for state in known:
            self.see(state)
        self._unsaved.clear()

    def see(self, state: NodeState) -> bool:
        """Takes a message. False when it is about another run or brings nothing new."""
        progress = state.progress
        if progress.run_id not in (None, self._run_id):
            return False
        with self._lock:
            known = self._nodes.get(progress.node_id)
            if known is None and len(self._nodes) >= MAX_NODES:
                return False
            if known is not None and not follows_in_run(progress, known.progress):
                return False
            self._nodes[progress.node_id] = state
            self._unsaved.add(progress.node_id)
            return True

    def states(self) -> list[NodeState]:
        """Every node's last state, by node id."""
        with self._lock:
            return [self._nodes[node_id] for node_id in sorted(self._nodes)]

    def take_unsaved(self) -> list[NodeState]:
        """The states that have changed since the last call."""
        with self._lock:
            changed = [self._nodes[node_id] for node_id in sorted(self._unsaved)]
            self._unsaved.clear()
            return changed

    def put_back(self, nodes: Iterable[NodeState]) -> None:
        """Has these taken once more: they were not saved."""
        with self._lock:
            self._unsaved.update(node.progress.node_id for node in nodes)

    def open_nodes(self) -> list[Progress]:
        return [s.progress for s in self.states() if s.progress.status is Status.RUNNING]

    def failed_nodes(self) -> list[Progress]:
        return [s.progress for s in self.states() if s.progress.status is Status.FAILED]

    def completed_ids(self) -> set[int]:
        done = Status.COMPLETED
        return {s.progress.node_id for s in self.states() if s.progress.status is done}

    def close_open(
        self, status: Status, message: str, *, outputs: Collection[int] = (), seq_gap: int = 1
    ) -> list[NodeState]:
        """Ends each open node with its last known count; returns what has to be published.

        Those of `outputs` end with 0: what they wrote was not committed, and is gone.

        Each message says that the runner closed the node: its text has the reason of the run.
        `seq_gap`: how far above the last sequence number seen the first new one stands.
        """
        seq = max((s.progress.seq or 0 for s in self.states()), default=0) + seq_gap
        closings = [
            NodeState.of(
                node.replace(
                    status=status,
                    row_count=0 if node.node_id in outputs else node.row_count,
                    message=message,
                    run_id=self._run_id,
                    seq=seq + place,
                    ts=time.time(),
                    row=None,
                    fault=None,
                    closed_by=CLOSED_BY_RUNNER,
                )
            )
            for place, node in enumerate(self.open_nodes())
        ]
        for closing in closings:
            self.see(closing)
        return closings
