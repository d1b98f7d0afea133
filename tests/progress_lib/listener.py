"""What a subscriber of a job hears: its nodes and its runs."""

from __future__ import annotations

import json
from typing import Any

from progress_lib.nats.link import Link, Message
from progress_lib.subjects import every_kind
from tests.harness import DEADLINE


class Listener:
    """Of one job, 42 unless another is named."""

    def __init__(self, url: str, job_id: int = 42, tenant_id: str = "default") -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []  # kind of message, and its payload
        self.link = Link(url, name="listener")
        self.link.subscribe(every_kind(tenant_id, job_id), self._hear)
        self.link.start()
        assert self.link.wait_up(DEADLINE)
        assert self.link.flush(DEADLINE)

    def _hear(self, message: Message) -> None:
        self.heard.append((message.subject.rpartition(".")[2], json.loads(message.payload)))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All progress, as it came."""
        return [payload for kind, payload in self.heard if kind == "progress"]

    @property
    def runs(self) -> list[dict[str, Any]]:
        """All changes of runs, as they came."""
        return [payload for kind, payload in self.heard if kind == "status"]

    def last(self) -> dict[int, tuple[str, int]]:
        """Status and rows of each node."""
        return {m["nodeId"]: (m["status"], m["rowCount"]) for m in self.messages}

    def said(self, node_id: int = 1) -> dict[str, Any]:
        """The last word of a node. LookupError before its first."""
        return [m for m in self.messages if m["nodeId"] == node_id][-1]

    def end(self, node_id: int = 1) -> tuple[str, int, str] | None:
        """Status, rows and message of a node that has ended."""
        last = self.said(node_id)
        ended = last["status"] != "running"
        return (last["status"], last["rowCount"], last["message"]) if ended else None
