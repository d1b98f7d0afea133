"""Following one run over HTTP: what is now true, then each change, until the run's end.

Live messages come from the link; the store is looked at as well, so that an end is seen even
while NATS is away.
"""

import functools
import json
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jobs.http.documents import progress_event, status_event
from jobs.http.problems import unavailable
from jobs.store.node_states import NodeBoard, NodeState
from jobs.store.records import Run
from jobs.store.run_states import RunStatus
from jobs.store.store import NotFound, Store, StoreUnavailable
from jobs.work.fair_shares import FairPlaces
from progress_lib import MalformedProgress
from progress_lib.nats import Link, Message
from progress_lib.subjects import progress_subject, status_subject

MAX_FOLLOWERS = 16  # a worker; each holds a thread under gthread, and HTTP needs the others
LIVE_BUFFER = 1_000  # messages; full: the rest comes from the store, which is looked at anyway
LOOK_PERIOD = 1.0  # seconds between two looks at the store, in case a message was lost
KEEP_ALIVE = 10.0  # seconds without an event until one is repeated, which finds dead clients

Event = dict[str, Any]

EXPIRED: Event = {
    "type": "error",
    "code": "token_expired",
    "message": "the token has expired; come back with a new one",
}


class Followers:
    """Gives out the few threads that may follow a run at a time, in fair shares for tenants."""

    def __init__(self, store: Store, link: Link, *, has_many_tenants: bool) -> None:
        self._store = store
        self._link = link
        self._places = FairPlaces(MAX_FOLLOWERS, has_many_tenants=has_many_tenants)

    def follow(self, run: Run, until: float, encode: Callable[[Event], str]) -> "Follow":
        """The run's events, the first at once; the last is its end, or EXPIRED at the time `until`.

        Close it, or read to the end. `until` in seconds since 1970, when who follows is known no more.
        Raises Problem (503) when too many follow already.
        """
        tenant_id = run.tenant_id
        if not self._places.take(tenant_id):
            raise unavailable(
                "too many clients already follow runs over HTTP on this server; "
                "use the WebSocket, or come back later",
                retry_after=5,
            )
        give_back = functools.partial(self._places.give_back, tenant_id)
        return Follow(self._store, self._link, run, until, encode, give_back)


class Follow(Iterator[str]):
    """One client's stream of encoded events; `close` gives its place back, once."""

    def __init__(
        self,
        store: Store,
        link: Link,
        run: Run,
        until: float,
        encode: Callable[[Event], str],
        on_close: Callable[[], None],
    ) -> None:
        self._link = link
        self._encode = encode
        self._on_close = on_close
        self._closed = False
        live: queue.Queue[_Live] = queue.Queue(LIVE_BUFFER)
        self._events = _Following(store, run, until, live).events()
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
    """One follower: the board holds what it was told, so that nothing is told twice."""

    def __init__(self, store: Store, run: Run, until: float, live: "queue.Queue[_Live]") -> None:
        self._store = store
        self._run = run
        self._until = until
        self._live = live
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
            if self._run.has_ended or self._is_deleted:
                return
            if time.time() >= self._until:
                yield EXPIRED
                return

    def _next_events(self) -> Iterator[Event]:
        now = time.monotonic()
        if now - self._looked >= LOOK_PERIOD:
            self._looked = now
            yield from self._look()
        elif now - self._spoke >= KEEP_ALIVE:
            yield status_event(self._run)
        else:
            yield from self._hear(LOOK_PERIOD - (now - self._looked))

    def _look(self) -> Iterator[Event]:
        """What the store knows and we have not told: status first, but an end comes last."""
        try:
            self._run, nodes = self._store.run_with_nodes(self._run.tenant_id, self._run.run_id)
        except NotFound:  # it ended and was deleted since the last look
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
        if heard.is_status:  # the store was written first: it has what this is about
            self._looked = -LOOK_PERIOD
            return
        try:
            node = NodeState.parse(heard.payload)
        except MalformedProgress:
            return
        # while the run waits, what nodes say belongs to an earlier run
        if self._run.status is RunStatus.RUNNING and self._board.see(node):
            yield progress_event(self._run, node)


def ndjson(event: Event) -> str:
    """One event a line."""
    return json.dumps(event) + "\n"


def server_sent(event: Event) -> str:
    """For an EventSource: its `onmessage` gets what a WebSocket's would; it comes back by itself."""
    if event is EXPIRED:
        return f": {event['message']}\n\n"
    return f"data: {json.dumps(event)}\n\n"
