"""Which commit comes when, among all databases that a program writes."""

from __future__ import annotations

from collections.abc import Hashable

_KEYS: list[Hashable] = []  # of the databases, in the order in which they were first asked for


def turn_of(database: Hashable) -> tuple[int, int]:
    """The turn of a database's one commit; all of them come before the files of CSV outputs."""
    if database not in _KEYS:
        _KEYS.append(database)
    return 0, _KEYS.index(database)
