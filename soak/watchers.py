"""Clients that watch jobs over the WebSocket as the page does, and keep a model of what they were told.

`JobView` follows the rules of static/realtime/run-state.js for runs with an id. `Ear` checks each message
of the server itself, since those rules ignore some wrong messages.
"""

from __future__ import annotations

import json
import queue
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from progress_lib.progress import NODE_ENDS

FIRST_CEILING, LAST_CEILING = 6.0, 30.0  # seconds; as static/realtime/backoff.js
STABLE_AFTER = 5.0  # seconds; as static/realtime/job-realtime-service.js
OPEN_WAIT = 10.0  # seconds
LOOK = 0.2  # seconds between two looks for a cut, a reload or the end
PAST_RUNS = 32
RANK = {"queued": 0, "running": 1}  # any other status is an end
END = 2


@dataclass(frozen=True, slots=True)
class NodeView:
    status: str
    rows: int
    seq: int | None


class JobView:
    """What a page shows of one job: its latest run, and that run's nodes."""

    def __init__(self) -> None:
        self.run_id: str | None = None
        self.status: str | None = None
        self.nodes: dict[int, NodeView] = {}
        self._told = False
        self._since: float | None = None
        self._past: list[str] = []

    def take_status(self, payload: dict[str, Any]) -> None:
        run_id, status, ts = payload["runId"], payload["status"], payload.get("ts")
        if run_id != self.run_id:
            if self._is_old(run_id, status, ts):
                return
            self._begin(run_id, ts)
        elif not self._is_news(status):
            return
        self.status, self._told = status, True

    def take_progress(self, payload: dict[str, Any]) -> None:
        run_id = payload["runId"]
        if run_id != self.run_id:
            if self._is_old(run_id, payload["status"], payload.get("ts")):
                return
            self._begin(run_id, payload.get("ts"))
        before = self.nodes.get(payload["nodeId"])
        after = NodeView(payload["status"], payload["rowCount"], payload.get("seq"))
        if before is not None and _is_outdated(before, after):
            return
        self.nodes[payload["nodeId"]] = after
        if self.status == "queued":
            self.status = "running"

    def _is_news(self, status: str) -> bool:
        assert self.status is not None
        mine, theirs = RANK.get(self.status, END), RANK.get(status, END)
        return theirs > mine or (not self._told and theirs == mine)

    def _is_old(self, run_id: str, status: str, ts: float | None) -> bool:
        if self.run_id is None:
            return False
        if run_id in self._past:
            return True
        is_end = RANK.get(status, END) == END
        return is_end and ts is not None and self._since is not None and ts < self._since

    def _begin(self, run_id: str, ts: float | None) -> None:
        if self.run_id is not None:
            self._past = [*self._past, self.run_id][-PAST_RUNS:]
        self.run_id, self.status, self._since, self._told = run_id, "queued", ts, False
        self.nodes = {}


def _takes_back(before: NodeView, now: NodeView) -> bool:
    """An output says that what it wrote is gone, before its run ends without it: only to 0, and only with a newer word."""
    is_newer = before.seq is None or now.seq is None or now.seq > before.seq
    return now.rows == 0 and now.status != "completed" and before.status == "running" and is_newer


def _is_outdated(before: NodeView, after: NodeView) -> bool:
    if before.seq is not None and after.seq is not None and after.seq < before.seq:
        return True
    return before.status in NODE_ENDS


class Ear:
    """What one client heard, and the messages that the server should not have sent. (client's thread)"""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self.messages = 0
        self.ends: dict[str, set[str]] = {}  # run id → the ends the client was told
        self._complain = complain
        self._nodes: dict[tuple[str, int], NodeView] = {}
        self._is_since_reconnect: set[tuple[str, int]] = set()  # heard on this connection
        self._ended_since_reconnect: set[str] = set()  # runs whose end was told on this connection

    def reconnected(self) -> None:
        """The server may be behind the one before: it tells again what came before an end, and then the end."""
        self._is_since_reconnect.clear()
        self._ended_since_reconnect.clear()

    def status(self, payload: dict[str, Any]) -> None:
        run_id, status = payload["runId"], payload["status"]
        ends = set(self.ends.get(run_id, ()))
        if RANK.get(status, END) == END:
            self.ends.setdefault(run_id, set()).add(status)
            self._ended_since_reconnect.add(run_id)
            if ends and status not in ends:
                self._complain(f"run {run_id} was told as {status} after {sorted(ends)}")
        elif run_id in self._ended_since_reconnect:
            self._complain(f"run {run_id} was told as {status} after its end {sorted(ends)}")

    def progress(self, payload: dict[str, Any]) -> None:
        key = (payload["runId"], payload["nodeId"])
        now = NodeView(payload["status"], payload["rowCount"], payload.get("seq"))
        before = self._nodes.get(key)
        is_first = key not in self._is_since_reconnect
        when = " (after a reconnect)" if is_first else ""
        if before is not None and is_first and _is_behind(before, now):
            return
        self._is_since_reconnect.add(key)
        self._nodes[key] = now
        if before is None:
            return
        what = f"run {key[0]} node {key[1]}{when}: {before} and then {now}: {payload['message']!r}"
        if now.rows < before.rows and not _takes_back(before, now):
            self._complain(f"step back in rowCount: {what}")
        elif before.status in NODE_ENDS and now.status != before.status:
            self._complain(f"a terminal state was left: {what}")
        elif before.seq is not None and now.seq is not None and now.seq < before.seq:
            self._complain(f"step back in seq: {what}")


def _is_behind(before: NodeView, now: NodeView) -> bool:
    """Whether another server has not heard yet what a node said to the one before, if only its end. Pages drop that by its number."""
    if before.seq is None or now.seq is None or now.status in NODE_ENDS:
        return False
    return now.seq < before.seq


@dataclass(slots=True)
class Tally:
    """Counts of one client. (client's thread)"""

    connects: int = 0
    failed_connects: int = 0
    reloads: int = 0
    closes: dict[str, int] = field(default_factory=dict)  # close code → how often


class Entrance(Protocol):
    """Where browsers come in. `tls` is None for ws://."""

    @property
    def ws_url(self) -> str: ...

    @property
    def bearer(self) -> str: ...

    @property
    def tls(self) -> ssl.SSLContext | None: ...


class Watcher:
    """One browser: watches some jobs on one connection, and reconnects when it breaks. Has its own thread."""

    def __init__(
        self,
        entrance: Entrance,
        name: str,
        job_ids: list[int],
        seed: int,
        complain: Callable[[str], None],
    ) -> None:
        self.name = name
        self.job_ids = job_ids
        self.tally = Tally()
        self.views: dict[int, JobView] = {}  # (own thread)
        self.ear = Ear(lambda sentence: complain(f"{name}: {sentence}"))
        self.is_connected = False
        self._entrance = entrance
        self._chance = random.Random(f"{seed}:{name}")
        self._complain = complain
        self._asked: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._failures = 0
        self._reload()
        self.thread = threading.Thread(target=self._watch, name=name, daemon=True)

    # ---- asked by others

    def cut(self) -> None:
        """Breaks the connection without a close frame. The client keeps what it heard."""
        self._asked.put(("cut", 0.0))

    def reload(self) -> None:
        """Reloads the page: the client forgets what it heard, and connects again."""
        self._asked.put(("reload", 0.0))

    def stop_reading(self, seconds: float) -> None:
        self._asked.put(("pause", seconds))

    def stop(self) -> None:
        self._stopping.set()

    # ---- own thread

    def _reload(self) -> None:
        self.views = {job_id: JobView() for job_id in self.job_ids}

    def _watch(self) -> None:
        while not self._stopping.is_set():
            opened = time.monotonic()
            try:
                self._one_connection()
            except (OSError, TimeoutError, InvalidHandshake, EOFError):
                self.tally.failed_connects += 1
            except ConnectionClosed as closed:
                code = str(closed.rcvd.code) if closed.rcvd is not None else "broken"
                self.tally.closes[code] = self.tally.closes.get(code, 0) + 1
                if code.startswith("4") and code >= "4500":
                    self._complain(f"{self.name}: closed for good with {code}")
            except Exception as error:
                self._complain(f"{self.name}: failed: {error!r}")
            self.is_connected = False
            if time.monotonic() - opened >= STABLE_AFTER:
                self._failures = 0
            self._failures += 1
            ceiling = min(LAST_CEILING, FIRST_CEILING * 2.0 ** (min(self._failures, 32) - 1))
            self._stopping.wait(self._chance.uniform(0.0, ceiling))

    def _one_connection(self) -> None:
        protocols = [Subprotocol("progress.v1"), Subprotocol(f"bearer.{self._entrance.bearer}")]
        with connect(
            self._entrance.ws_url,
            ssl=self._entrance.tls,
            subprotocols=protocols,
            proxy=None,
            open_timeout=OPEN_WAIT,
            close_timeout=1.0,
            ping_interval=None,
            compression=None,
        ) as connection:
            self.tally.connects += 1
            self.ear.reconnected()
            for job_id in self.job_ids:
                connection.send(json.dumps({"action": "subscribe", "jobId": job_id}))
            self.is_connected = True
            self._read(connection)

    def _read(self, connection: ClientConnection) -> None:
        while not self._stopping.is_set():
            if not self._asked.empty():
                what, seconds = self._asked.get()
                if what == "pause":
                    self._stopping.wait(seconds)
                    continue
                if what == "reload":
                    self.tally.reloads += 1
                    self._reload()
                connection.socket.close()
                return
            try:
                text = connection.recv(LOOK)
            except TimeoutError:
                continue
            self._hear(json.loads(text))

    def _hear(self, message: dict[str, Any]) -> None:
        self.ear.messages += 1
        if message["type"] == "error":
            self._complain(f"{self.name}: was told an error: {message}")
            return
        view, payload = self.views[message["jobId"]], message["payload"]
        if message["type"] == "job.status":
            self.ear.status(payload)
            view.take_status(payload)
        else:
            self.ear.progress(payload)
            view.take_progress(payload)

    def differences(self, truth: dict[int, dict[str, Any]]) -> list[str]:
        """The differences between what is shown and what GET /api/runs/<id> says of each job's latest run."""
        found = []
        for job_id, view in self.views.items():
            run = truth.get(job_id)
            if run is None:
                continue
            shown = (view.run_id, view.status)
            if shown != (run["runId"], run["status"]):
                found.append(
                    f"{self.name} shows of job {job_id} {shown}, "
                    f"the truth is {(run['runId'], run['status'])}"
                )
                continue
            nodes = {n["nodeId"]: (n["status"], n["rowCount"]) for n in run["nodes"]}
            seen = {number: (node.status, node.rows) for number, node in view.nodes.items()}
            if nodes != seen:
                found.append(
                    f"{self.name} shows of run {view.run_id} ({view.status}) nodes {seen}, "
                    f"the truth is {nodes}"
                )
        return found
