"""All jobs of tenants in short, while somebody watches all of a tenant's jobs. The hub's thread calls all but `wants`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from realtime.events import Event, Topic
from realtime.hub.overview import Heard, Overview

if TYPE_CHECKING:
    from realtime.clients.client import Client


@dataclass(slots=True)
class _Tenant:
    overview: Overview = field(default_factory=Overview)
    watchers: set[Client] = field(default_factory=set)


class Overviews:
    """`load` asks for the newest messages of all jobs of a tenant that somebody begins to watch."""

    def __init__(self, load: Callable[[str], None]) -> None:
        self._load = load
        self._tenants: dict[str, _Tenant] = {}  # those that are watched as a whole
        self._spoke: dict[str, None] = {}  # of which something was noted since `take_news`

    def wants(self, topic: Topic, *, is_status: bool) -> bool:
        """Whether a message is worth being taken in. Any thread."""
        tenant = self._tenants.get(topic.tenant_id) if self._tenants else None
        return tenant is not None and tenant.overview.wants(
            topic.job_id, is_status, time.monotonic()
        )

    def begin(self, client: Client, tenant_id: str) -> list[bytes]:
        """Somebody watches the tenant: frames of the present state. The first one has what was said before read."""
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            tenant = self._tenants[tenant_id] = _Tenant()
            self._load(tenant_id)
        tenant.watchers.add(client)
        return tenant.overview.present(time.time())

    def end(self, client: Client, tenant_id: str) -> None:
        tenant = self._tenants.get(tenant_id)
        if tenant is not None:
            tenant.watchers.discard(client)
            if not tenant.watchers:
                del self._tenants[tenant_id]

    def end_all(self, client: Client) -> None:
        for tenant_id in list(self._tenants):
            self.end(client, tenant_id)

    def take(self, events: list[Event]) -> None:
        """Notes what the jobs said."""
        if not self._tenants:
            return
        at, of_tenants = time.time(), dict[str, list[Heard]]()
        for event in events:
            if event.topic.tenant_id in self._tenants:
                of_tenants.setdefault(event.topic.tenant_id, []).append(Heard(event, at))
        for tenant_id, heard in of_tenants.items():
            self.note(tenant_id, heard)

    def note(self, tenant_id: str, heard: list[Heard]) -> None:
        """Notes what was heard of a tenant's jobs, also before anybody watched."""
        tenant = self._tenants.get(tenant_id)
        if tenant is not None:
            self._spoke[tenant_id] = None
            now = time.monotonic()
            for one in heard:
                tenant.overview.note(one, now)

    def forget(self, topic: Topic) -> None:
        """The job was deleted."""
        if tenant := self._tenants.get(topic.tenant_id):
            tenant.overview.forget(topic.job_id)

    def take_news(self) -> Iterator[tuple[Collection[Client], list[bytes]]]:
        """The frames of what is new, each tenant's with its watchers."""
        spoke, self._spoke = self._spoke, {}
        for tenant_id in spoke:
            tenant = self._tenants.get(tenant_id)
            if tenant and (news := tenant.overview.take_news(time.monotonic())):
                yield list(tenant.watchers), news

    def listen_anew(self, *, restarts: bool) -> None:
        """Messages come from elsewhere: what was said meanwhile is read. `restarts`: the stream is another one."""
        for tenant_id, tenant in self._tenants.items():
            if restarts:
                tenant.overview.forget_sequences()
            self._load(tenant_id)
