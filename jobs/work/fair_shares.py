"""Shares few places among many tenants, so that none of them can take all."""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


def has_room(held: int, free: int) -> bool:
    """Whether a tenant that holds `held` places may take one of `free`.

    It must leave at least as many free as it will hold. So one tenant alone gets half of the places, the
    next one half of the rest, and the last place is left for a tenant that has none.
    """
    return free > held


class Turns:
    """Whose turn it is: of those who want one, who has least; of several, who was served longest ago. One thread."""

    def __init__(self, most: int) -> None:
        self._most = most  # tenants that are remembered
        self._served: dict[str, None] = {}  # who was served longest ago is first

    def order(self, at_work: Mapping[str, int]) -> list[str]:
        """Tenants that want a turn, the next one first. `at_work`: tenant → what it has at work."""
        place = {tenant_id: number for number, tenant_id in enumerate(self._served)}
        return sorted(at_work, key=lambda tenant_id: (at_work[tenant_id], place.get(tenant_id, -1)))

    def serve(self, tenant_id: str) -> None:
        """Notes that it had a turn."""
        self._served.pop(tenant_id, None)
        self._served[tenant_id] = None
        if len(self._served) > self._most:
            del self._served[next(iter(self._served))]


class FairPlaces:
    """Places that few may hold at a time. Any thread may call."""

    def __init__(self, most: int, *, has_many_tenants: bool) -> None:
        """Without `has_many_tenants`, the one tenant may have all places."""
        self._changed = threading.Condition()
        self._held: Counter[str] = Counter()  # (condition); tenants that hold some
        self._most = most
        self._has_many_tenants = has_many_tenants

    def take(self, tenant_id: str, wait: float = 0.0) -> bool:
        """Whether the tenant got a place within `wait` seconds. It holds the place until `give_back`."""
        with self._changed:
            is_free = self._changed.wait_for(lambda: self._has_room(tenant_id), wait)
            if is_free:
                self._held[tenant_id] += 1
            return is_free

    def give_back(self, tenant_id: str) -> None:
        with self._changed:
            self._held[tenant_id] -= 1
            self._held += Counter()  # drops tenants that hold none
            self._changed.notify_all()

    def _has_room(self, tenant_id: str) -> bool:
        held = self._held[tenant_id] if self._has_many_tenants else 0
        return has_room(held, self._most - self._held.total())


@dataclass(slots=True)
class _Line(Generic[T]):
    """How many items of a tenant are at work, and those that wait: (monotonic time of `put`, item)."""

    at_work: int = 0
    waiting: deque[tuple[float, T]] = field(default_factory=deque)


class FairQueue(Generic[T]):
    """A queue that serves tenants in turns: the one with the fewest items at work is next. Any thread may call.

    A tenant has at most `each` items at work. With more threads than that, one is left for other tenants.
    """

    def __init__(self, most: int, each: int) -> None:
        self._most = most  # that wait, of all tenants
        self._each = each
        self._changed = threading.Condition()
        self._lines: dict[str, _Line[T]] = {}  # (condition); who was served longest ago is first
        self._closed = False

    def put(self, tenant_id: str, item: T) -> bool:
        """Adds an item. False when there is no room for it, or none for this tenant."""
        with self._changed:
            line = self._lines.get(tenant_id) or _Line()
            free = self._most - sum(len(other.waiting) for other in self._lines.values())
            if self._closed or not has_room(len(line.waiting), free):
                return False
            self._lines[tenant_id] = line
            line.waiting.append((time.monotonic(), item))
            self._changed.notify_all()
            return True

    def take(self) -> tuple[str, T, float] | None:
        """The next (tenant, item, seconds it has waited); None once the queue is closed.

        Blocks until there is one. Call `done` for the tenant afterwards.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._next() is not None)
            tenant_id = self._next()
            if self._closed or tenant_id is None:
                return None
            line = self._lines.pop(tenant_id)
            self._lines[tenant_id] = line  # now the last
            line.at_work += 1
            since, item = line.waiting.popleft()
            return tenant_id, item, time.monotonic() - since

    def done(self, tenant_id: str) -> None:
        with self._changed:
            line = self._lines[tenant_id]
            line.at_work -= 1
            if not line.at_work and not line.waiting:
                del self._lines[tenant_id]
            self._changed.notify_all()

    def close(self) -> list[T]:
        """Ends every `take`; returns the items that still waited. Harmless when repeated."""
        with self._changed:
            self._closed = True
            left = [item for line in self._lines.values() for _, item in line.waiting]
            for line in self._lines.values():
                line.waiting.clear()
            self._changed.notify_all()
            return left

    def _next(self) -> str | None:
        fit = [
            (line.at_work, place, tenant_id)
            for place, (tenant_id, line) in enumerate(self._lines.items())
            if line.waiting and line.at_work < self._each
        ]
        return min(fit)[2] if fit else None
