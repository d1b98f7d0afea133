"""A piece of work that is over, as it is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    """`error`: why it failed, in a word; None where it did not. Times are seconds since 1970."""

    name: str
    began: float
    ended: float
    attributes: Mapping[str, Value] = field(default_factory=dict)
    error: str | None = None
    children: tuple[Span, ...] = ()
