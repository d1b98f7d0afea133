"""The history of a run: its events with their times, from the stream PROGRESS, else from the run's record."""

import json
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jobs.http.problems import unavailable
from jobs.store.records import Run
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import ENDS, RunStatus
from jobs.store.store import Store
from jobs.work.announcements import status_payload
from jobs.work.fair_shares import FairPlaces
from progress_lib import MalformedProgress
from progress_lib.nats.link import NatsError

LOG = logging.getLogger(__name__)

SAID = tuple(RunStatus)  # what a message tells of a run, or, some of it, of a node
# Events of a history: about 400 KB, and as many steps as the page's slider can show
MAX_EVENTS = 2_000
# Histories that a worker reads at a time; each may hold some 10 MB for a moment
MAX_READERS = 2
READER_WAIT = 5.0  # seconds that a further request waits for its turn
# Seconds by which the clocks of database and stream may differ: the second where the first does not find the whole run
CLOCK_MARGINS = (5.0, 600.0)

Past = Callable[[str, int, float, float], Iterable[tuple[str, bytes, float]]]
"""What the stream holds of a tenant's job between two times: (kind, payload, time), in order."""


def no_past(tenant_id: str, job_id: int, since: float, until: float) -> list[Any]:
    """The past on a server without a stream: nothing."""
    return []


@dataclass(frozen=True, slots=True)
class _Told:
    """One event of a history. `node` is None for a change of the run's status."""

    ts: float
    payload: dict[str, Any]
    node: NodeState | None

    def document(self) -> dict[str, Any]:
        kind = "job.status" if self.node is None else "job.progress"
        return {"ts": self.ts, "type": kind, "payload": self.payload}


class Histories:
    """Reads histories of runs, few at a time, with a fair share for each tenant."""

    def __init__(self, store: Store, past: Past, *, has_many_tenants: bool) -> None:
        self._store = store
        self._past = past
        self._places = FairPlaces(MAX_READERS, has_many_tenants=has_many_tenants)

    def of(self, tenant_id: str, run_id: str) -> dict[str, Any]:
        """The run's history as JSON. `source` is "stream", or "record" where only the last states are left.

        Raises NotFound, or Problem (503) when too many histories are being read.
        """
        run, nodes = self._store.run_with_nodes(tenant_id, run_id)
        if not self._places.take(tenant_id, READER_WAIT):
            raise unavailable("many histories are read at this moment; come back", retry_after=2)
        try:
            told = self._from_stream(run)
        finally:
            self._places.give_back(tenant_id)
        is_there = any(entry.node is not None for entry in told) or not nodes
        events = thinned(told) if is_there else from_record(run, nodes)
        return {
            "runId": run.run_id,
            "source": "stream" if is_there else "record",
            "events": [event.document() for event in events],
        }

    def _from_stream(self, run: Run) -> list[_Told]:
        told: list[_Told] = []
        for margin in CLOCK_MARGINS:
            try:
                told = self._read_stream(run, margin)
            except NatsError as error:
                LOG.warning("history of run %s: %s", run.run_id, error)
                return told
            if _is_whole(run, told):
                break
        return told

    def _read_stream(self, run: Run, margin: float) -> list[_Told]:
        since, until = run.created_at - margin, (run.ended_at or math.inf) + margin
        past = self._past(run.tenant_id, run.job_id, since, until)
        read = (_read(run, kind, payload, ts) for kind, payload, ts in past)
        return list(before_the_end(told for told in read if told is not None))


def _is_whole(run: Run, told: Iterable[_Told]) -> bool:
    """Whether the run's first word is there, and its last where it has ended."""
    statuses = {entry.payload["status"] for entry in told if entry.node is None}
    return RunStatus.QUEUED in statuses and (not run.has_ended or run.status in statuses)


def before_the_end(told: Iterable[_Told]) -> Iterator[_Told]:
    """Leaves out what nodes tell as running after the run's end: a program that was lost may go on."""
    has_ended = False
    for entry in told:
        has_ended = has_ended or _is_end(entry)
        if not (has_ended and entry.node is not None and not _is_terminal(entry)):
            yield entry


def _read(run: Run, kind: str, payload: bytes, ts: float) -> _Told | None:
    """The event in a message; None when the message is about another run or cannot be read."""
    try:
        node = NodeState.parse(payload) if kind == "progress" else None
        document = json.loads(payload if node is None else node.payload)
    except (MalformedProgress, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("status") not in SAID:
        return None
    of_run = document.get("runId")
    is_ours = of_run == run.run_id or (node is not None and of_run is None and _covers(run, ts))
    return _Told(ts, document, node) if is_ours else None


def _covers(run: Run, ts: float) -> bool:
    """Whether the run was running at that time. A message without a run id is then about this run."""
    return run.started_at is not None and run.started_at <= ts <= (run.ended_at or ts)


def thinned(told: list[_Told], most: int = MAX_EVENTS) -> list[_Told]:
    """At most `most` events. Each node keeps its first and last event; of those between, evenly many go.

    Where even the kept ones are too many, the oldest go: without its end, a history would seem to run on.
    """
    spare = _spare(told)
    total = sum(map(len, spare.values()))
    room = max(most - (len(told) - total), 0)
    gone: set[int] = set()
    if total > room:
        for places in spare.values():
            gone.update(places)
            gone.difference_update(_evenly(places, len(places) * room // total))
    return [entry for place, entry in enumerate(told) if place not in gone][-most:]


def _spare(told: list[_Told]) -> dict[int, list[int]]:
    """Node id → the places of its events that may go: those between its first and its last one."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, entry in enumerate(told):
        if entry.node is not None:
            places[entry.node.progress.node_id].append(place)
    return {
        node_id: [p for p in found[1:-1] if not _is_terminal(told[p])]
        for node_id, found in places.items()
    }


def _is_terminal(entry: _Told) -> bool:
    return entry.node is not None and entry.node.progress.status.is_terminal


def _evenly(places: list[int], most: int) -> list[int]:
    """At most `most` of the places, at even distances."""
    return places[:: -(-len(places) // most)] if most else []


def from_record(run: Run, nodes: list[NodeState]) -> list[_Told]:
    """The events that the database knows: the run's changes of status, and each node's last state."""
    moments: list[tuple[float | None, RunStatus, str | None]] = [
        (run.created_at, RunStatus.QUEUED, None),
        (run.started_at, RunStatus.RUNNING, None),
    ]
    if run.has_ended:
        moments.append((run.ended_at, run.status, run.reason))
    statuses = [_status(run, ts, status, reason) for ts, status, reason in moments if ts]
    last = run.ended_at or run.started_at or run.created_at
    words = [_Told(min(n.progress.ts or last, last), json.loads(n.payload), n) for n in nodes]
    return sorted([*statuses, *words], key=lambda told: (told.ts, _is_end(told)))


def _is_end(told: _Told) -> bool:
    return told.node is None and told.payload["status"] in ENDS


def _status(run: Run, ts: float, status: RunStatus, reason: str | None) -> _Told:
    return _Told(ts, status_payload(run, status, reason, ts), None)
