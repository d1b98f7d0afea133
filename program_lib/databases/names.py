"""Names of tables and columns as people write them, and as the database spells them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from program_lib.errors import ProgramError
from program_lib.types import are_alike, listed


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is there, as the database spells it."""

    schema: str
    name: str
    is_near: bool  # its name alone finds it, without the schema


def find_table(written: str, there: Iterable[Table]) -> Table | None:
    """The table of that name: spelt exactly so, else with another case if that is one table only.

    A dot parts schema and table, unless a table has the whole name. Raises ProgramError where several may be meant.
    """
    tables = list(there)
    for same in (_is_exactly, _is_but_for_case):
        for spelling in (_alone, _with_schema):
            found = [table for table in tables if same(spelling(table), written)]
            if len(found) > 1:
                spelt = listed(sorted(f"{table.schema}.{table.name}" for table in found))
                raise ProgramError(f"{written} may be any of {spelt}: write it as it is spelt")
            if found:
                return found[0]
    return None


def _alone(table: Table) -> str | None:
    return table.name if table.is_near else None


def _with_schema(table: Table) -> str:
    return f"{table.schema}.{table.name}"


def _is_exactly(name: str | None, written: str) -> bool:
    return name == written


def _is_but_for_case(name: str | None, written: str) -> bool:
    return name is not None and are_alike(name, written)


def no_table(written: str, there: Iterable[Table]) -> str:
    """The sentence for a table that is not there."""
    names = sorted(table.name if table.is_near else _with_schema(table) for table in there)
    dots = "; a dot parts schema and table" if "." in written else ""
    return f"there is no table {written}{dots}; there are {listed(names)}"


def is_there_already(table: str) -> str:
    """The sentence for a table that was to be new."""
    return f"the table {table} is there already: choose append or replace"


def others_would_lose(table: str, losing: Iterable[str]) -> str:
    """The sentence for a table whose rows take rows or values of others with them when they are deleted."""
    said = f"would delete rows or values of {listed(losing)}, which refer to it with ON DELETE CASCADE or SET"
    return f"to replace the rows of {table} {said}: choose append"


def must_be_given(column: str, table: str) -> str:
    """The sentence for a column that the rows lack, and for which the database has no value."""
    return f"the column {column} of {table} is NOT NULL and has no default: the rows must have it"


def rows_are_kept(table: str) -> str:
    """The sentence for a table that DELETE has not emptied, where nobody else can write."""
    return f"a trigger of {table} keeps rows that replace deletes: choose another mode"


def rows_are_there(table: str) -> str:
    """The sentence for a table in which rows are after a DELETE: also those that others commit while it is at work."""
    return (
        f"a trigger, a rule or a policy of {table} keeps rows that replace deletes: choose another mode;"
        " or somebody else adds rows meanwhile: run it again"
    )


def spelt(columns: Sequence[str], there: Sequence[str], table: str) -> list[str]:
    """How the table spells each column: exactly so, else with another case if that is one column only.

    Raises ProgramError for a column that the table lacks, and for two that are the same one there.
    """
    found = [_spelt(column, there, table) for column in columns]
    missing = [column for column, name in zip(columns, found, strict=True) if name is None]
    if missing:
        raise ProgramError(
            f"the table {table} has no column {listed(missing)}; it has {listed(there)}"
        )
    names = [name for name in found if name is not None]
    for name in names:
        if names.count(name) > 1:
            both = [column for column in columns if are_alike(column, name)]
            raise ProgramError(
                f"{listed(both)} would all go into the column {name} of {table}: drop or rename some"
            )
    return names


def _spelt(column: str, there: Sequence[str], table: str) -> str | None:
    if column in there:
        return column
    alike = [name for name in there if are_alike(name, column)]
    if len(alike) > 1:
        raise ProgramError(
            f"the column {column} may be any of {listed(alike)} in {table}: rename it to one of them"
        )
    return alike[0] if alike else None


def has(column: str, there: Sequence[str], table: str) -> bool:
    """Whether the table has the column, in some spelling."""
    return _spelt(column, there, table) is not None
