"""An example of a type of nodes: what its page in docs/nodes shows, and what a test runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def rows(*lines: str) -> str:
    """The text of a CSV file: the names of the columns, then a row a line; an empty field is NULL."""
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Example:
    """A node at work: what for, its configuration, what it gets and what comes of it.

    `takes` and `gives` are by port, UNNAMED where ports have no names. Of a source `takes` is what the file or
    the table holds, of an output `gives` is. Files are texts as they are; else they are made by `rows`.
    """

    says: str  # a sentence: when somebody needs this
    config: Mapping[str, Any]
    takes: Mapping[str, str]
    gives: Mapping[str, str]
    types: Mapping[str, str] = field(default_factory=dict)  # of columns that come in; text without
