"""Whose deliveries are sent next, so that no receiver and no tenant holds up the others. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from jobs.store.webhooks.records import DueWebhook
from jobs.work.fair_shares import has_room

PER_HOST = 2  # deliveries to one host at a time: a receiver that hangs holds so many threads


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


@dataclass(slots=True)
class DeliveryTurns:
    """The deliveries of one runner that are on their way, at most `most`, and who had turns before."""

    most: int
    has_many_tenants: bool
    _hosts: Counter[str] = field(default_factory=Counter)
    _tenants: Counter[str] = field(default_factory=Counter)
    _last: dict[str, int] = field(
        default_factory=dict
    )  # webhook or tenant → the number of its last turn
    _turn: int = 0

    @property
    def free(self) -> int:
        return self.most - self._hosts.total()

    def pick(self, due: Sequence[DueWebhook]) -> list[DueWebhook]:
        """Those that are sent now, in order. They hold their places until `give_back`. A webhook may be there twice."""
        self._forget_others(due)
        waiting = [(one, host_of(one.url)) for one in due]
        picked: list[DueWebhook] = []
        while self.free > 0:
            possible = (one for one, host in waiting if self._has_room(one.tenant_id, host))
            found = min(possible, key=self._order, default=None)
            if found is None:
                break
            picked.append(found)
            self._take(found)
        return picked

    def give_back(self, picked: DueWebhook) -> None:
        self._hosts[host_of(picked.url)] -= 1
        self._tenants[picked.tenant_id] -= 1
        self._hosts += Counter()  # drops those that hold none
        self._tenants += Counter()

    def _has_room(self, tenant_id: str, host: str) -> bool:
        if self._hosts[host] >= PER_HOST:
            return False
        return not self.has_many_tenants or has_room(self._tenants[tenant_id], self.free)

    def _order(self, one: DueWebhook) -> tuple[int, int, int, float]:
        last = self._last.get
        turns = last(one.tenant_id, 0), last(one.webhook_id, 0)
        return (self._tenants[one.tenant_id], *turns, one.since)

    def _take(self, one: DueWebhook) -> None:
        self._turn += 1
        self._hosts[host_of(one.url)] += 1
        self._tenants[one.tenant_id] += 1
        self._last[one.tenant_id] = self._last[one.webhook_id] = self._turn

    def _forget_others(self, due: Iterable[DueWebhook]) -> None:
        wanted = {key for one in due for key in (one.tenant_id, one.webhook_id)}
        self._last = {key: turn for key, turn in self._last.items() if key in wanted}
