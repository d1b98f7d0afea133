"""Rows that fail and are handed on beside the others, with the reason: how many may, and what columns they have. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from program_lib.types import INTEGER, TEXT, Column, Schema

REJECTED = "rejected"  # the output by which they leave
MOST_ROWS = 1_000  # of a node whose settings name no other number
# Rows that must have come before their share is looked at; all of them where fewer come
SHARE_FROM = 10_000
# What a rejected row has behind its own columns
_REASON, _COLUMN, _ROW, _PLACE = "reject_reason", "reject_column", "reject_row", "reject_place"
_TYPES = {_REASON: TEXT, _COLUMN: TEXT, _ROW: INTEGER, _PLACE: TEXT}


@dataclass(frozen=True, slots=True)
class Rejects:
    """How many rows of a node may fail: `rows` in all, and `share` percent of those that come; None: any share."""

    rows: int = MOST_ROWS
    share: int | None = None

    def too_many(self, failed: int) -> str:
        """What is wrong with so many; "" where they may be."""
        if failed <= self.rows:
            return ""
        return f"{_rows(failed)} failed, and no more than {self.rows:,} may be rejected"

    def too_large(self, failed: int, seen: int) -> str:
        """The same of their share of the rows that came."""
        if self.share is None or failed * 100 <= self.share * seen:
            return ""
        return (
            f"{failed:,} of {_rows(seen)} failed, and no more than {self.share} % may be rejected"
        )


def rejected_schema(schema: Schema) -> Schema:
    """The columns of rejected rows: those of the rows that come, then what is said of each."""
    ending = _ending(schema.names)
    return Schema([*schema, *(Column(f"{name}{ending}", of) for name, of in _TYPES.items())])


def as_texts(schema: Schema) -> Schema:
    """The same columns before they have types."""
    return Schema(Column(column.name, TEXT) for column in schema)


def _ending(taken: Iterable[str]) -> str:
    """What follows the names that we add: nothing, or _2, _3 … for all of them where one is taken, in whatever case."""
    names = {name.casefold() for name in taken}
    number, ending = 1, ""
    while any(f"{name}{ending}" in names for name in _TYPES):
        number += 1
        ending = f"_{number}"
    return ending


def _rows(count: int) -> str:
    return f"{count:,} row" + ("s" if count != 1 else "")
