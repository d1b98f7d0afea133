"""What was kept of a run's nodes, as its row tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class KeptNode:
    """What was kept of one node, or why nothing was."""

    rows: int = 0
    size: int = 0  # bytes
    reason: str | None = None  # why it was not kept; None: it was

    @property
    def is_kept(self) -> bool:
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run kept: by node, in the runs' directory called `place` (jobs/work/run_files.py)."""

    place: str
    nodes: Mapping[int, KeptNode] = field(default_factory=dict)
    is_deleted: bool = False  # it was kept, and its days are over

    @property
    def size(self) -> int:
        return 0 if self.is_deleted else sum(node.size for node in self.nodes.values())

    def to_json(self) -> str:
        nodes = {number: [node.rows, node.size, node.reason] for number, node in self.nodes.items()}
        return json.dumps({"place": self.place, "nodes": nodes, "deleted": self.is_deleted})

    @classmethod
    def parse(cls, text: str) -> Kept:
        """What `to_json` made this of."""
        told: dict[str, Any] = json.loads(text)
        nodes = {int(number): KeptNode(*entry) for number, entry in told["nodes"].items()}
        return cls(told["place"], nodes, told["deleted"])
