"""Shows a run on a terminal: the nodes' last states, as a live table or as plain lines.

Board holds the states, Screen draws them. Board takes the messages of /api/runs/<id>/wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from progress_lib.progress import NODE_ENDS

SIGNS = {"idle": "·", "running": "▶", "completed": "✔", "failed": "✘"}
COLOURS = {"running": "\033[36m", "completed": "\033[32m", "failed": "\033[31m"}
PLAIN = "\033[0m"
FRAME = 0.1  # seconds between two drawings of the live table
LINE_EVERY = 1.0  # seconds between two plain lines of a node that only counts


@dataclass(slots=True)
class NodeRow:
    node_id: int
    name: str
    status: str = "idle"
    rows: int = 0
    message: str = ""

    @property
    def title(self) -> str:
        return self.name or f"node {self.node_id}"

    def text(self, width: int) -> str:
        words = f"{SIGNS.get(self.status, '?')} {self.title:<{width}} {self.status:<9}"
        return f"{words} {self.rows:>12,}  {self.message}".rstrip()


class Board:
    """The last state of each node, in the graph's order, and of the run."""

    def __init__(self, nodes: Iterable[tuple[int, str]]):
        """The name of a node may be empty: then it has the one that it tells."""
        self.rows = {node_id: NodeRow(node_id, name) for node_id, name in nodes}
        self.run_status = "queued"
        self.reason = ""

    def take(self, event: Mapping[str, Any]) -> NodeRow | None:
        """Takes one message. Returns the row of the node that it is about, or None."""
        payload = event.get("payload")
        if not isinstance(payload, Mapping):
            return None
        if event.get("type") == "job.progress":
            return self.take_progress(payload)
        if event.get("type") == "job.status":
            self.take_status(payload)
        return None

    def take_progress(self, payload: Mapping[str, Any]) -> NodeRow:
        """Takes one Progress payload. A node that has ended stays as it is."""
        node_id = int(payload["nodeId"])
        row = self.rows.setdefault(node_id, NodeRow(node_id, ""))
        row.name = row.name or str(payload.get("nodeName") or "")
        if row.status in NODE_ENDS and payload.get("status") == "running":
            return row
        row.status = str(payload.get("status", row.status))
        row.rows = int(payload.get("rowCount") or 0)
        row.message = " ".join(str(payload.get("message") or "").split())
        return row

    def take_status(self, payload: Mapping[str, Any]) -> None:
        """Takes the run's status, from a job.status message or from the run's document."""
        self.run_status = str(payload.get("status", self.run_status))
        self.reason = str(payload.get("reason") or "")

    @property
    def ended(self) -> bool:
        return self.run_status not in ("queued", "running")

    def text(self, row: NodeRow) -> str:
        return row.text(max(len(other.title) for other in self.rows.values()))

    def verdict(self) -> str:
        return f"run {self.run_status}" + (f": {self.reason}" if self.reason else "")


class Screen:
    """Draws a board: in place on a terminal, elsewhere as a line for each change."""

    def __init__(self, board: Board, out: TextIO):
        self._board = board
        self._out = out
        self._live = out.isatty()
        self._drawn_lines = 0
        self._drawn_at = 0.0
        self._printed: dict[
            int, tuple[str, float]
        ] = {}  # node id → status and time of its last line

    def show(self, row: NodeRow | None) -> None:
        """Draws what has changed. Called after each message that the board took."""
        if self._live:
            if time.monotonic() - self._drawn_at >= FRAME:
                self._draw()
        elif row is not None:
            self._print(row)

    def finish(self) -> None:
        """Draws the last state of all nodes and the run's end."""
        if self._live:
            self._draw()
        else:
            for row in self._board.rows.values():
                if self._printed.get(row.node_id, ("", 0.0))[0] != row.status:
                    self._print(row)
        print(self._board.verdict(), file=self._out, flush=True)

    def _print(self, row: NodeRow) -> None:
        status, at = self._printed.get(row.node_id, ("", 0.0))
        now = time.monotonic()
        if status != row.status or now - at >= LINE_EVERY:
            self._printed[row.node_id] = (row.status, now)
            print(self._board.text(row), file=self._out, flush=True)

    def _draw(self) -> None:
        up = f"\033[{self._drawn_lines}A" if self._drawn_lines else ""
        lines = [
            f"\r\033[2K{COLOURS.get(row.status, '')}{self._board.text(row)}{PLAIN}\n"
            for row in self._board.rows.values()
        ]
        # Turns off line wrap: after a wrapped line the next drawing would start too low.
        print(f"\033[?7l{up}{''.join(lines)}\033[?7h", end="", file=self._out, flush=True)
        self._drawn_lines = len(lines)
        self._drawn_at = time.monotonic()
