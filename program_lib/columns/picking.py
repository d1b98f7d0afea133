"""Which columns a step picks and makes longer: their names and types. Without Arrow, so that the web server may ask, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

from program_lib.common_types import column_of, common_type
from program_lib.errors import ProgramError
from program_lib.types import COLUMN_TYPES, TEXT, Column, Schema, Type, listed

DROP, KEEP = "drop", "keep"
Pick = str | tuple[str, str]  # a column, or a column and the type that it gets


def picked(
    schema: Schema, columns: Mapping[str, Pick], others: str = DROP
) -> list[tuple[Column, Column]]:
    """Each column that comes out, after the one that it is made of. Raises ProgramError."""
    if others not in (DROP, KEEP):
        raise ProgramError(f"others is {others!r}, it must be drop or keep")
    pairs = [(column_of(schema, _source(pick)), name, pick) for name, pick in columns.items()]
    made = [(had, _retyped(had, name, pick)) for had, name, pick in pairs]
    used = {had.name for had, _ in made}
    rest = [column for column in schema if others == KEEP and column.name not in used]
    return _distinct([*made, *((column, column) for column in rest)])


def _source(pick: Pick) -> str:
    return pick if isinstance(pick, str) else pick[0]


def _retyped(had: Column, name: str, pick: Pick) -> Column:
    if isinstance(pick, str):
        return replace(had, name=name)
    if (wanted := COLUMN_TYPES.get(pick[1])) is None:
        raise ProgramError(f"there is no type {pick[1]!r}; there are {listed(COLUMN_TYPES)}")
    is_so = wanted.kind is had.type.kind
    return Column(name, had.type if is_so else wanted, had.is_nullable)


def _distinct(pairs: list[tuple[Column, Column]]) -> list[tuple[Column, Column]]:
    try:
        Schema(made for _, made in pairs)
    except ValueError as error:
        raise ProgramError(str(error)) from None
    return pairs


def unpivoted(schema: Schema, columns: Sequence[str], name: str, value: str) -> Schema:
    """The columns that stay, then the one with the names and the one with the values. Raises ProgramError."""
    if not columns:
        raise ProgramError("there is no column to make rows of")
    of = [column_of(schema, column) for column in columns]
    stay = [column for column in schema if column.name not in columns]
    is_nullable = any(column.is_nullable for column in of)
    made = Column(value, _common(of), is_nullable)
    try:
        return Schema([*stay, Column(name, TEXT, is_nullable=False), made])
    except ValueError as error:
        raise ProgramError(str(error)) from None


def _common(columns: Sequence[Column]) -> Type:
    def wider(one: Type, column: Column) -> Type:
        if (wide := common_type(one, column.type)) is None:
            raise ProgramError(
                f"the values of one column must be of one type, and {columns[0].name} is {one},"
                f" {column.name} {column.type}: make them alike with a Select or a Map before"
            )
        return wide

    return reduce(wider, columns[1:], columns[0].type)
