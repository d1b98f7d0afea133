"""What other threads ask of the hub: `hub.put(Subscribe(client, topic))`. Any thread; it returns at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from realtime.events import Event, Source, Topic
from realtime.hub.overview import Heard
from realtime.snapshot import JobSnapshot
from realtime.sockets.close_codes import CloseCode

if TYPE_CHECKING:
    from realtime.clients.client import Client


class Register(NamedTuple):
    """A client is here."""

    client: Client


class Unregister(NamedTuple):
    """A client is gone."""

    client: Client


class Subscribe(NamedTuple):
    """A client is sent what is true of a job, and what follows.

    `more`: it takes `job.seen` and `server.state` from now on, which a client of the original protocol does not know.
    `only_run`: it is sent what is said of this run alone.
    """

    client: Client
    topic: Topic
    more: bool = False
    only_run: str | None = None


class Unsubscribe(NamedTuple):
    """A client is sent no more of a job."""

    client: Client
    topic: Topic


class WatchTenant(NamedTuple):
    """A client is sent a brief of each job of a tenant, what is true now first; it takes `server.state` from now on."""

    client: Client
    tenant_id: str


class LeaveTenant(NamedTuple):
    """A client is sent no more briefs of a tenant's jobs."""

    client: Client
    tenant_id: str


class TenantKnown(NamedTuple):
    """The last words that the stream holds of each job of a tenant, in order."""

    tenant_id: str
    heard: list[Heard]


class Broadcast(NamedTuple):
    """Events, in order, for all who watch their jobs. `published`: when NATS had the first; Unix seconds, 0: not known."""

    events: list[Event]
    published: float = 0.0


class Known(NamedTuple):
    """A job's past: the last run's status and the last word of each of its nodes.

    `last_seq`: of the newest message of the stream that it holds. Incomplete, it is shown, and a complete one
    will follow.
    """

    topic: Topic
    past: JobSnapshot
    last_seq: int
    is_complete: bool


class ListenTo(NamedTuple):
    """Where messages come from, from now on.

    `has_gap`: some may be missed, so that the past of each watched job is read anew; else only the database's word.
    `restarts`: the stream is another one, or lost its newest messages, so that its sequences say nothing of before.
    """

    source: Source
    has_gap: bool = True
    restarts: bool = False


class Forget(NamedTuple):
    """A job was deleted: what was said of it is true no more."""

    topic: Topic


class Hears(NamedTuple):
    """Whether messages of NATS reach this server, and since when (Unix seconds); told to who takes `more`."""

    is_heard: bool
    since: float


class LookAgain(NamedTuple):
    """Has the database asked about each watched run at work of which nothing was heard since the last LookAgain."""


class CloseSome(NamedTuple):
    """`most` of the clients that are registered now are closed; None: all, and who comes later."""

    code: CloseCode
    most: int | None


class Stop(NamedTuple):
    """The hub's thread ends."""


Command = (
    Register
    | Unregister
    | Subscribe
    | Unsubscribe
    | WatchTenant
    | LeaveTenant
    | TenantKnown
    | Broadcast
    | Known
    | ListenTo
    | Forget
    | Hears
    | LookAgain
    | CloseSome
    | Stop
)
