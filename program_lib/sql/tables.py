"""What a query sees of the rows of an input: a table by its name, with the columns by theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from program_lib.errors import ProgramError
from program_lib.expressions.quoting import type_name
from program_lib.types import MAX_DIGITS, Column, Kind, Schema, Type, decimal

INPUT = "input"  # the one input of a node that names none
WHOLE_DIGITS = 18  # before the point, of a decimal that a query sees, unless its values have more
_OWN_TYPES = {Kind.UUID: "UUID", Kind.JSON: "JSON"}  # which travel as texts otherwise


def name_in_sql(name: str) -> str:
    """A name as a person gave it, whatever is in it."""
    assert "\0" not in name
    return '"' + name.replace('"', '""') + '"'


def check_names(inputs: Mapping[str, Schema]) -> None:
    """Raises ProgramError where SQL would take two names for one: it does not tell ID from id."""
    if (twice := same_in_sql(inputs)) is not None:
        raise ProgramError(f"SQL takes the inputs {twice[0]} and {twice[1]} for one: rename one")
    for port, schema in inputs.items():
        if (twice := same_in_sql(schema.names)) is not None:
            raise ProgramError(
                f"SQL takes the columns {twice[0]} and {twice[1]} of {port} for one:"
                " rename one with a Select before"
            )


def same_in_sql(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that differ by the case of their letters alone."""
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.lower(), name)) is not name:
            return other, name
    return None


def type_in_sql(of: Type, scale: int) -> str:
    """The type that a query sees; of NUMERIC, whose values have digits of their own, a decimal that holds them."""
    if of.kind is Kind.NUMERIC:
        return f"DECIMAL({MAX_DIGITS},{scale})"
    return _OWN_TYPES.get(of.kind) or type_name(of)


def is_wide(of: Type) -> bool:
    """Whether a query sees a narrower decimal of such a column."""
    return of.kind is Kind.DECIMAL and (of.precision or 0) - (of.scale or 0) > WHOLE_DIGITS


def narrowed(of: Type, scale: int, whole: int = 0) -> Type:
    """The decimal that a query sees of numbers with so many digits after and before the point.

    Of two decimals that have none of 38 digits in common DuckDB rounds the one with more digits after the point: beside
    a DECIMAL(38,0), 1.5 is 2.
    """
    most = MAX_DIGITS if of.kind is Kind.NUMERIC else of.precision or MAX_DIGITS
    return decimal(min(most, max(whole + 1, WHOLE_DIGITS) + scale), scale)


def with_more_digits(of: Type, scale: int) -> Type:
    """A decimal with so many digits after the point, and as many before it; itself where it has them, or has no room."""
    assert of.precision is not None
    assert of.scale is not None
    more = scale - of.scale
    has_room = of.precision + more <= MAX_DIGITS
    return decimal(of.precision + more, scale) if more > 0 and has_room else of


def empty_table(name: str, schema: Schema, scale: int, is_narrow: bool) -> str:
    """A statement that makes a table as the query sees it; `is_narrow`: with as few digits as decimals may have."""

    def type_of(of: Type) -> str:
        if is_narrow and is_wide(of):
            return type_name(narrowed(of, of.scale or 0))
        return type_in_sql(of, scale)

    columns = ", ".join(f"{name_in_sql(column.name)} {type_of(column.type)}" for column in schema)
    return f"CREATE TEMP TABLE {name_in_sql(name)} ({columns})"


def view(
    name: str, schema: Schema, table: str, quoted: Callable[[str], str], seen: Mapping[str, Type]
) -> str:
    """A statement that shows the rows of a spool's table as the query sees them.

    `quoted`: how the table names columns. `seen`: what the query sees of those that are not as they are declared.
    """
    columns = ", ".join(
        _shown(
            replace(column, type=seen.get(column.name, column.type)),
            quoted(column.name),
            column.type,
        )
        for column in schema
    )
    return f"CREATE OR REPLACE TEMP VIEW {name_in_sql(name)} AS SELECT {columns} FROM {table}"  # noqa: S608


def _shown(column: Column, sql: str, lies_as: Type) -> str:
    seen = type_in_sql(column.type, 0)
    cast = sql if seen == type_name(lies_as) else f"CAST({sql} AS {seen})"
    return f"{cast} AS {name_in_sql(column.name)}"
