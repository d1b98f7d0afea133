"""One schema for rows that come from several nodes. Without Arrow, so that the web server may ask, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import reduce

from program_lib.errors import ProgramError
from program_lib.types import (
    INTEGER,
    MAX_DIGITS,
    NUMERIC,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
    listed,
)

REFUSE, NULL = "refuse", "null"  # what a union does with a column that an input has not
_INTEGER_DIGITS = 19  # of 9,223,372,036,854,775,807
_EXACT = (Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC)


def column_of(schema: Schema, name: str) -> Column:
    """Raises ProgramError where there is none."""
    if (column := schema.column(name)) is None:
        raise ProgramError(f"there is no column {name!r}; there are {listed(schema.names)}")
    return column


def common_schema(schemas: list[Schema]) -> Schema:
    """The columns of the first schema, wide enough for all. Raises ProgramError where they do not go together."""
    return reduce(_two, schemas)


def union(missing: str = REFUSE) -> Callable[[list[Schema]], Schema]:
    """How a Union makes one schema of several: columns that some have not are refused, or NULL there (`missing="null"`)."""
    return common_schema if missing == REFUSE else _schema_of_all


def _schema_of_all(schemas: list[Schema]) -> Schema:
    """The columns of all schemas, in the order in which they appear, wide enough for all."""
    names = dict.fromkeys(name for schema in schemas for name in schema.names)
    return common_schema([_with_all(schema, names, schemas) for schema in schemas])


def _with_all(schema: Schema, names: Iterable[str], schemas: list[Schema]) -> Schema:
    """The schema with those columns that it has not as another has them, where they are NULL."""
    return Schema(
        schema.column(name) or replace(_first(name, schemas), is_nullable=True) for name in names
    )


def _first(name: str, schemas: list[Schema]) -> Column:
    return next(column for schema in schemas if (column := schema.column(name)) is not None)


def _two(first: Schema, second: Schema) -> Schema:
    if sorted(first.names) != sorted(second.names):
        ours, theirs = listed(first.names), listed(second.names)
        raise ProgramError(f"its inputs differ: one has {ours}, another {theirs}")
    return Schema(_widest(column, second.column(column.name)) for column in first)


def _widest(one: Column, other: Column | None) -> Column:
    assert other is not None
    wide = common_type(one.type, other.type)
    if wide is None:
        raise ProgramError(
            f"its inputs differ: the column {one.name} is {one.type} in one, {other.type} in another;"
            " make them alike with a Map before (str, int, float, date …)"
        )
    return Column(one.name, wide, one.is_nullable or other.is_nullable)


def common_type(one: Type, other: Type) -> Type | None:
    """The type that holds every value of both exactly; None where there is none."""
    if one == other:
        return one
    if one.kind in _EXACT and other.kind in _EXACT:
        return _common_number(one, other)
    if one.kind is not other.kind or one.kind is Kind.OTHER:
        return None
    lengths = (one.length, other.length)
    return replace(
        one,
        bits=max(one.bits, other.bits),
        length=None if None in lengths else max(lengths),  # type: ignore[type-var]
        is_padded=one.is_padded and other.is_padded,
        native=one.native if one.native == other.native else None,
    )


def _common_number(one: Type, other: Type) -> Type:
    if Kind.NUMERIC in (one.kind, other.kind):
        return NUMERIC
    if one.kind is other.kind is Kind.INTEGER:
        return replace(INTEGER, bits=max(one.bits, other.bits))
    scale = max(one.scale or 0, other.scale or 0)
    whole = max(_whole_digits(one), _whole_digits(other))
    return decimal(whole + scale, scale) if whole + scale <= MAX_DIGITS else NUMERIC


def _whole_digits(of: Type) -> int:
    return _INTEGER_DIGITS if of.precision is None else of.precision - (of.scale or 0)
