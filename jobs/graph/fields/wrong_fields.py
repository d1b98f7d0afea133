"""What the columns that come in say is wrong with a node's fields: raised, or collected where all of it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MOST_TOLD = 20  # errors of one node's columns, each of which costs a search for what is meant


class WrongField(ValueError):
    """The rows that come in do not go together with a field; the text says why.

    `text` is what of the field is at fault: an expression, or the name of a column; None: no part of it alone.
    """

    def __init__(self, field: str, message: str, text: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.text = text


_collected: ContextVar[list[WrongField] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[list[WrongField]]:
    """Within, what is wrong with one expression or the name of one column is noted here, and the look goes on."""
    errors: list[WrongField] = []
    token = _collected.set(errors)
    try:
        yield errors
    finally:
        _collected.reset(token)


def report(make: Callable[[], WrongField]) -> None:
    """Notes the error where errors are collected, the first MOST_TOLD; else raises it."""
    errors = _collected.get()
    if errors is None:
        raise make()
    if len(errors) < MOST_TOLD:
        errors.append(make())
