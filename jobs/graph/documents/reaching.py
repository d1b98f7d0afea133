"""Which nodes of a graph document's edges come before others, and which after. Pure."""

from collections.abc import Collection, Iterable
from typing import Any


def reached(
    edges: Iterable[dict[str, Any]],
    start: Iterable[int],
    *,
    forwards: bool,
    stop: Collection[int] = (),
) -> set[int]:
    """All nodes that edges lead to from these, or back to; of `start` those alone that a circle comes back to.

    Nothing is looked for beyond the nodes of `stop`.
    """
    here, there = ("from", "to") if forwards else ("to", "from")
    following: dict[int, list[int]] = {}
    for edge in edges:
        following.setdefault(edge[here], []).append(edge[there])
    found: set[int] = set()
    waiting = list(start)
    while waiting:
        for number in following.get(waiting.pop(), ()):
            if number not in found:
                found.add(number)
                if number not in stop:
                    waiting.append(number)
    return found
