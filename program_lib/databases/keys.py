"""The modes that find rows of a table by a key: what they have in common in all databases.

Rows count as if they came one by one, whatever the batches are: of two rows with the same key the later one
finds the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.databases.names import spelt
from program_lib.errors import ProgramError, RowRefused
from program_lib.types import listed
from program_lib.write_modes import INSERT_OR_IGNORE, KEYED, UPDATE, UPSERT


@dataclass(frozen=True, slots=True)
class Match:
    """How rows find those of a table; columns are named as the table spells them."""

    mode: str
    key: tuple[str, ...]
    others: tuple[str, ...]  # columns that the rows have beside the key

    @property
    def written(self) -> tuple[str, ...]:
        """The columns that get values: `update` leaves the key as it is."""
        return self.others if self.mode == UPDATE else (*self.key, *self.others)


def match(
    mode: str,
    key: Sequence[str],
    given: Sequence[str],
    there: Sequence[str],
    unique: Iterable[Sequence[str]],
    table: str,
) -> Match:
    """Checks the key against the columns that the rows have and the table's unique keys.

    `given` and `unique` are spelt as the table does. Raises ProgramError.
    """
    columns = spelt(key, there, table)
    if lacking := [name for name in columns if name not in given]:
        raise ProgramError(
            f"the key of {table} is {listed(columns)}, and the rows have no {listed(lacking)}"
        )
    _check_unique(columns, list(unique), table)
    others = tuple(name for name in given if name not in columns)
    if not others and mode != INSERT_OR_IGNORE:
        raise ProgramError(
            f"the rows have no columns beside the key, so that {mode} would change nothing in {table}:"
            f" choose {INSERT_OR_IGNORE}"
        )
    return Match(mode, tuple(columns), others)


def _check_unique(columns: Sequence[str], unique: list[Sequence[str]], table: str) -> None:
    if set(columns) in map(set, unique):
        return
    keys = " and ".join(f"({', '.join(names)})" for names in unique)
    have = f"its unique keys are {keys}" if unique else "it has none that a mode may use"
    raise ProgramError(
        f"({', '.join(columns)}) is no unique key of the table {table}: {have};"
        " the primary key is one, and so is a unique index of whole columns, without a condition"
    )


def check_no_null(table: pa.Table, places: Iterable[int]) -> None:
    """Raises RowRefused for the first row with NULL in its key: it would find nothing, and be inserted each time."""
    for place in places:
        values = table.column(place)
        if values.null_count:
            index = pc.index(pc.is_null(values), True).as_py()
            name = table.column_names[place]
            raise RowRefused(index, "NULL stands in the key, and NULL equals nothing", name)


@dataclass(slots=True)
class Tally:
    """What became of the rows of one output."""

    mode: str
    rows: int = 0
    # Rows whose key was there; of a mode without a key, those that the table itself did not take. None: the database does not tell
    found: int | None = 0

    def add(self, rows: int, found: int | None) -> None:
        """Counts a batch that the database has taken."""
        self.rows += rows
        self.found = None if self.found is None or found is None else self.found + found

    def told(self) -> str:
        """For people; "" where only the number of rows is known, or nothing else is to be said."""
        if self.found is None or (self.mode not in KEYED and not self.found):
            return ""
        new = self.rows - self.found
        if self.mode not in KEYED:
            return f"{self.rows:,} rows written: the table took {new:,}, a trigger keeps the others out or puts them elsewhere"
        if self.mode == UPSERT:
            return f"{self.rows:,} rows written: {new:,} inserted, {self.found:,} updated"
        if self.mode == UPDATE:
            return f"{self.rows:,} rows: {self.found:,} updated, {new:,} not there"
        return f"{self.rows:,} rows: {new:,} inserted, {self.found:,} ignored"
