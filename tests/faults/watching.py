"""A browser as the fault tests need it: it remembers all that it is told, and can be asked."""

import contextlib
import json
import threading
from typing import Any, Self

from websockets.exceptions import ConnectionClosed

from tests.harness import DEADLINE, Product, eventually


class Watcher:
    """A client that subscribes to jobs and keeps every message, on a thread of its own."""

    def __init__(self, product: Product, *job_ids: int) -> None:
        self.messages: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self._open = contextlib.ExitStack()
        opened = product.websocket(max_queue=None, max_size=None)
        self._connection = self._open.enter_context(opened)
        for job_id in job_ids:
            self._connection.send(json.dumps({"action": "subscribe", "jobId": job_id}))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for text in self._connection:
                self.messages.append(json.loads(text))
        except ConnectionClosed:
            pass
        self.close_code = self._connection.close_code

    @property
    def is_open(self) -> bool:
        return self._thread.is_alive()

    def nodes(self) -> dict[int, dict[str, Any]]:
        """The last payload of each node."""
        return {
            message["payload"]["nodeId"]: message["payload"]
            for message in list(self.messages)
            if message["type"] == "job.progress"
        }

    def rows(self, node_id: int = 1) -> list[int]:
        """Every row count that was told of a node, in order."""
        return [
            message["payload"]["rowCount"]
            for message in list(self.messages)
            if message["type"] == "job.progress" and message["payload"]["nodeId"] == node_id
        ]

    def statuses(self) -> list[str]:
        """The statuses of runs, in order."""
        return [m["payload"]["status"] for m in list(self.messages) if m["type"] == "job.status"]

    def wait_rows(self, rows: int, node_id: int = 1, deadline: float = DEADLINE) -> None:
        eventually(lambda: rows in self.rows(node_id)[-1:], deadline, what=f"row {rows} is told")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._thread.join(DEADLINE)


class Publisher:
    """Publishes a job's progress to NATS at a steady rate, on a thread of its own.

    `fields` are added to each message; without runId and seq it is a foreign publisher.
    """

    def __init__(
        self, nats_url: str, job_id: int, *, nodes: int = 10, rate: float = 1000.0
    ) -> None:
        from progress_lib.nats.link import Link

        self._link = Link(nats_url, name="publisher")
        self._link.start()
        assert self._link.wait_up(DEADLINE)
        self._subject = f"tenant.default.job.{job_id}.progress"
        self._nodes = nodes
        self._period = 1.0 / rate
        self._stopping = threading.Event()
        self.published = 0
        self._thread = threading.Thread(target=self._publish, daemon=True)

    def _publish(self) -> None:
        burst = max(int(0.01 / self._period), 1)
        while not self._stopping.wait(burst * self._period):
            for _ in range(burst):
                self._one()

    def _one(self) -> None:
        node_id, row = self.published % self._nodes + 1, self.published // self._nodes
        payload = {
            "nodeId": node_id,
            "nodeName": f"Node {node_id}",
            "status": "running",
            "rowCount": row,
            "message": "",
        }
        if self._link.publish(self._subject, json.dumps(payload).encode()):
            self.published += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def finish(self) -> int:
        """Stops after a whole round of nodes; the last row count of each."""
        self._stopping.set()
        self._thread.join(DEADLINE)
        while self.published % self._nodes:
            self._one()
        assert self._link.flush(DEADLINE)
        return self.published // self._nodes - 1

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(DEADLINE)
        self._link.close()
