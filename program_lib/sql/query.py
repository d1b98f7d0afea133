"""A query of a node: what it gives is known before the first row, from empty tables with the columns of its inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NoReturn

import duckdb

from program_lib.engine import Config, closed_database
from program_lib.gathering.spool import interruptible
from program_lib.parameters import taken
from program_lib.process.reasons import is_out_of_memory
from program_lib.sql.allowed import QueryFailed, QueryRefused, check_allowed
from program_lib.sql.bound import Bound, bind, bound
from program_lib.sql.results import is_decimal, schema_of
from program_lib.sql.rounding import (
    Rounded,
    check_no_median_is_cut,
    check_nothing_is_rounded,
)
from program_lib.sql.tables import check_names, empty_table, is_wide
from program_lib.types import Kind, Schema

SCALES = (4, 7)  # digits after the point that NUMERIC columns are tried with; any two would do
MANY = 30  # digits after the point, more than a number of a query has
_SMALL: Config = {"memory_limit": "64MB", "threads": "1"}  # of tables without rows
_DESCRIBE = "DESCRIBE "


def described(query: str, inputs: Mapping[str, Schema]) -> tuple[Bound, Schema]:
    """The query as DuckDB gets it, and its columns. Raises ProgramError where it is refused, and says where it stands."""
    check_names(inputs)
    made = bound(query, taken())
    has_numeric = any(c.type.kind is Kind.NUMERIC for schema in inputs.values() for c in schema)
    has_wide = any(is_wide(column.type) for schema in inputs.values() for column in schema)
    is_known = not has_numeric and not has_wide
    names, types = _described_with(made, inputs, SCALES[0], checks_rounding=is_known)
    narrow = _described_with(made, inputs, SCALES[0], is_narrow=True)[1] if has_wide else types
    others = _with_more_digits(made, inputs, narrow) if has_numeric else narrow
    return made, schema_of(names, types, narrow, others)


class DigitsLost(QueryFailed):
    """DuckDB would round a number, which has `digits` after the point. 0: it is a text."""

    def __init__(self, reason: str, digits: int) -> None:
        super().__init__(reason)
        self.digits = digits


def check_rounding(connection: duckdb.DuckDBPyConnection, query: Bound) -> None:
    """Raises DigitsLost where DuckDB would round a number of the tables that the query finds in this database."""
    try:
        check_nothing_is_rounded(connection, query.text)
    except Rounded as error:
        told = _told(query, str(error), error.position)
        raise DigitsLost(str(told), error.digits) from None


def _with_more_digits(query: Bound, inputs: Mapping[str, Schema], narrow: list[str]) -> list[str]:
    """The query's types where NUMERIC columns have more digits after the point, and more than a number written in it.

    `narrow`: those where they have fewer. Other decimals have as few before the point as they may, which leaves room.
    """
    _, others = _described_with(query, inputs, SCALES[1], is_narrow=True)
    if all(one != other or not is_decimal(one) for one, other in zip(narrow, others, strict=True)):
        return others
    try:
        _, many = _described_with(query, inputs, MANY, is_narrow=True)
    except QueryFailed:  # a product of them has no room
        return others
    return [
        most if one == other else other
        for one, other, most in zip(narrow, others, many, strict=True)
    ]


def _described_with(
    query: Bound,
    inputs: Mapping[str, Schema],
    scale: int,
    *,
    is_narrow: bool = False,
    checks_rounding: bool = False,
) -> tuple[list[str], list[str]]:
    """The names and the types of the query's columns where NUMERIC columns have so many digits after the point."""

    def columns() -> tuple[list[str], list[str]]:
        for name, schema in inputs.items():
            connection.execute(empty_table(name, schema, scale, is_narrow))
        bind(connection, taken())
        check_allowed(connection, query.text, inputs)
        found = _columns(connection, query.text)
        check_no_median_is_cut(connection, query.text)
        if checks_rounding:
            check_rounding(connection, query)
        return found

    with closed_database(_SMALL, tells_places=True) as connection:
        return interruptible(connection, lambda: _telling(query, columns))


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[list[str], list[str]]:
    try:
        rows = connection.sql(query)
    except duckdb.Error:
        connection.execute(_DESCRIBE + query)  # which fails, too, and tells where
        raise
    return rows.columns, [str(of) for of in rows.types]


def _telling(
    query: Bound, look: Callable[[], tuple[list[str], list[str]]]
) -> tuple[list[str], list[str]]:
    """What a look at a query finds. What is wrong with it is told by its place."""
    try:
        return look()
    except QueryRefused as error:
        raise _told(query, str(error), error.position) from None
    except duckdb.Error as error:
        if is_out_of_memory(error):
            raise
        _raise_told(query, error)


def _raise_told(query: Bound, error: duckdb.Error) -> NoReturn:
    _, _, said = str(error).partition(" Error: ")
    try:
        about = json.loads(said)
    except ValueError:
        raise QueryFailed(said or str(error)) from error
    position = about.get("position")
    place = None if position is None else int(position) - len(_DESCRIBE)
    raise _told(query, about["exception_message"], place) from error


def _told(query: Bound, message: str, position: int | None) -> QueryFailed:
    place = "" if position is None else f" ({query.place(max(0, position))})"
    return QueryFailed(f"{_sentence(message)}{place}")


def _sentence(message: str) -> str:
    """The lines of a message as one."""
    return " ".join(message.split())
