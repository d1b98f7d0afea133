"""What tests tell a hub, in one word each."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.bridge.past import Past
from realtime.clients.client import Client
from realtime.events import Event, Source, Topic, make_event, topic_of
from realtime.hub.commands import (
    Broadcast,
    CloseSome,
    Hears,
    Known,
    ListenTo,
    Register,
    Subscribe,
    Unregister,
    Unsubscribe,
)
from realtime.hub.hub import Hub
from realtime.sockets.close_codes import CloseCode


def register(hub: Hub, client: Client) -> None:
    hub.put(Register(client))


def unregister(hub: Hub, client: Client) -> None:
    hub.put(Unregister(client))


def subscribe(
    hub: Hub, client: Client, topic: Topic, *, more: bool = False, only_run: str | None = None
) -> None:
    hub.put(Subscribe(client, topic, more, only_run))


def unsubscribe(hub: Hub, client: Client, topic: Topic) -> None:
    hub.put(Unsubscribe(client, topic))


def broadcast(hub: Hub, events: list[Event]) -> None:
    hub.put(Broadcast(events))


def known(hub: Hub, topic: Topic, events: Sequence[Event], is_complete: bool) -> None:
    """A past of these events, as the bridge folds it."""
    past = Past()
    for event in events:
        past.add(event)
    hub.put(Known(topic, past.snapshot(), past.last_seq, is_complete))


def listen_to(hub: Hub, source: Source, *, has_gap: bool = True, restarts: bool = False) -> None:
    hub.put(ListenTo(source, has_gap, restarts))


def hears(hub: Hub, is_heard: bool, since: float) -> None:
    hub.put(Hears(is_heard, since))


def close_some(hub: Hub, code: CloseCode, most: int | None) -> None:
    hub.put(CloseSome(code, most))


def read_event(subject: str, payload: bytes) -> Event:
    """The event in one NATS message. Raises MalformedProgress."""
    return make_event(*topic_of(subject), payload)
