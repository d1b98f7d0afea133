"""Follows one run over HTTP (SSE or NDJSON): its present state, then each change, until its end.

Live messages come over NATS. The store is read each second as well, so that a follower learns of
the end even while NATS is away.
"""

import functools
import json
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jobs.http.documents import progress_event, server_event, status_event
from jobs.http.problems import unavailable
from jobs.store.records import Run
from jobs.store.runs.node_states import NodeBoard, NodeState
from jobs.store.runs.run_states import ENDS, RunStatus
from jobs.store.store import NotFound, Store, StoreUnavailable
from jobs.work.fair_shares import FairPlaces
from progress_lib import MalformedProgress
from progress_lib.nats.link import Link, Message
from progress_lib.subjects import progress_subject, status_subject

# Followers of a worker. Each holds a thread under gthread; the other threads serve other requests.
MAX_FOLLOWERS = 16
LIVE_BUFFER = 1_000  # messages; when full, drop new ones: the store has them
LOOK_PERIOD = 1.0  # seconds between two reads of the store
# Seconds without an event until the last status is sent again, which finds clients that are gone
KEEP_ALIVE = 10.0

# The id of the last event of a run, as a client that comes back has it in Last-Event-ID
END = "end"
Event = dict[str, Any]

EXPIRED: Event = {
    "type": "error",
    "code": "token_expired",
    "message": "the token has expired; come back with a new one",
}


class Followers:
    """Limits how many clients follow runs at a time, with a fair share for each tenant."""

    def __init__(
        self,
        store: Store,
        link: Link,
        *,
        has_many_tenants: bool,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_stopping`: whether this server stops; followers are then sent away, to come back to another one."""
        self._store = store
        self._link = link
        self._is_stopping = is_stopping
        self._places = FairPlaces(MAX_FOLLOWERS, has_many_tenants=has_many_tenants)

    def follow(
        self, run: Run, until: float, encode: Callable[[Event], str], *, more: bool = False
    ) -> "Follow":
        """The run's events, the first at once. The last one is its end, or EXPIRED; of a server that stops, just the last.

        `until`: when the follower's token expires (Unix seconds); `more`: it is told, too, whether NATS is there,
        first of all and at each change. Read to the end, or call `close`.
        Raises Problem (503) when too many clients follow already.
        """
        tenant_id = run.tenant_id
        if not self._places.take(tenant_id):
            raise unavailable(
                "too many clients already follow runs over HTTP on this server; "
                "use the WebSocket, or come back later",
                retry_after=5,
            )
        give_back = functools.partial(self._places.give_back, tenant_id)
        hears = (lambda: self._link.is_up) if more else None
        live: queue.Queue[_Live] = queue.Queue(LIVE_BUFFER)
        following = _Following(self._store, run, until, live, hears, self._is_stopping)
        return Follow(self._link, run, following.events(), live, encode, give_back)


class Follow(Iterator[str]):
    """One client's stream of encoded events. `close` gives its place back; harmless when repeated."""

    def __init__(
        self,
        link: Link,
        run: Run,
        events: Iterator[Event],
        live: "queue.Queue[_Live]",
        encode: Callable[[Event], str],
        on_close: Callable[[], None],
    ) -> None:
        """`live`: gets what NATS says of the run."""
        self._link = link
        self._encode = encode
        self._on_close = on_close
        self._closed = False
        self._events = events
        subjects = (
            (progress_subject(run.tenant_id, run.job_id), False),
            (status_subject(run.tenant_id, run.job_id), True),
        )
        self._listening = [
            link.subscribe(subject, functools.partial(_put, live, is_status))
            for subject, is_status in subjects
        ]

    def __next__(self) -> str:
        try:
            return self._encode(next(self._events))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for subscription in self._listening:
            self._link.unsubscribe(subscription)
        self._on_close()


@dataclass(frozen=True, slots=True)
class _Live:
    is_status: bool
    payload: bytes


def _put(live: "queue.Queue[_Live]", is_status: bool, message: Message) -> None:
    try:
        live.put_nowait(_Live(is_status, message.payload))
    except queue.Full:
        pass


class _Following:
    """The events of one follower. The board holds what it was sent, so that nothing is sent twice."""

    def __init__(
        self,
        store: Store,
        run: Run,
        until: float,
        live: "queue.Queue[_Live]",
        hears: Callable[[], bool] | None,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._run = run
        self._until = until
        self._live = live
        self._hears = hears
        self._is_stopping = is_stopping
        self._told_heard: bool | None = None
        self._board = NodeBoard(run.run_id)
        self._told: RunStatus | None = None
        self._is_deleted = False
        self._looked = -LOOK_PERIOD
        self._spoke = time.monotonic()

    def events(self) -> Iterator[Event]:
        while True:
            for event in self._next_events():
                self._spoke = time.monotonic()
                yield event
            if self._run.has_ended or self._is_deleted or self._is_stopping():
                return
            if time.time() >= self._until:
                yield EXPIRED
                return

    def _next_events(self) -> Iterator[Event]:
        now = time.monotonic()
        if now - self._looked >= LOOK_PERIOD:
            self._looked = now
            yield from self._whether_heard()
            yield from self._look()
        elif now - self._spoke >= KEEP_ALIVE:
            yield status_event(self._run)
        else:
            yield from self._hear(LOOK_PERIOD - (now - self._looked))

    def _whether_heard(self) -> Iterator[Event]:
        if self._hears is None:
            return
        is_heard = self._hears()
        if is_heard is not self._told_heard:
            self._told_heard = is_heard
            yield server_event(is_heard=is_heard, since=time.time())

    def _look(self) -> Iterator[Event]:
        """What the store knows and the client does not: the status, then nodes. An end comes after the nodes."""
        try:
            self._run, nodes = self._store.run_with_nodes(self._run.tenant_id, self._run.run_id)
        except NotFound:  # the run ended and was deleted since the last look
            self._is_deleted = True
            return
        except StoreUnavailable:
            return
        changed = self._run.status is not self._told
        self._told = self._run.status
        if changed and not self._run.has_ended:
            yield status_event(self._run)
        yield from (progress_event(self._run, node) for node in nodes if self._board.see(node))
        if changed and self._run.has_ended:
            yield status_event(self._run)

    def _hear(self, wait: float) -> Iterator[Event]:
        try:
            heard = self._live.get(timeout=wait)
        except queue.Empty:
            return
        if heard.is_status:  # written to the store before it was sent: read it there
            self._looked = -LOOK_PERIOD
            return
        try:
            node = NodeState.parse(heard.payload)
        except MalformedProgress:
            return
        # While the run waits, messages of nodes belong to an earlier run.
        if self._run.status is RunStatus.RUNNING and self._board.see(node):
            yield progress_event(self._run, node)


def ndjson(event: Event) -> str:
    """An event as one line of NDJSON."""
    return json.dumps(event) + "\n"


def server_sent(event: Event) -> str:
    """An event for an EventSource, whose `onmessage` gets the JSON that a WebSocket would get.

    EXPIRED becomes a comment: an EventSource then reconnects by itself. So it does after the run's end, and says then what it
    has: that event's id.
    """
    if event is EXPIRED:
        return f": {event['message']}\n\n"
    is_end = event["type"] == "job.status" and event["payload"]["status"] in ENDS
    number = f"id: {END}\n" if is_end else ""
    return f"{number}data: {json.dumps(event)}\n\n"
