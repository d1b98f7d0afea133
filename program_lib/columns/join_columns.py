"""What a join and a lookup make of the columns of two inputs. Without Arrow, so that the web server may ask, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from program_lib.common_types import common_type
from program_lib.errors import ProgramError
from program_lib.types import Column, Kind, Schema, Type, listed

On = Sequence[tuple[str, str]]  # pairs of columns, of the left and the right, that must be equal

INNER, LEFT, RIGHT, FULL, SEMI, ANTI = "inner", "left", "right", "full", "semi", "anti"
KINDS_OF_JOIN = (INNER, LEFT, RIGHT, FULL, SEMI, ANTI)
ANY, AT_MOST_ONE, EXACTLY_ONE = "any", "at most one", "exactly one"
EXPECTED = (ANY, AT_MOST_ONE, EXACTLY_ONE)  # matches of each left row
SUFFIX = "_right"
_WITHOUT_EQUALITY = (Kind.INTERVAL, Kind.JSON, Kind.OTHER)  # what is equal may have several texts


class Side(StrEnum):
    """Where a column of a join's rows comes from."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"  # a key of one name: there once, from the side that has it


@dataclass(frozen=True, slots=True)
class Joined:
    """A column of a join's rows."""

    side: Side
    source: str  # its name on that side
    column: Column


def joined_columns(left: Schema, right: Schema, how: str, on: On, suffix: str) -> list[Joined]:
    """The columns of a join's rows: those of the left, then those of the right, keys of one name once.

    A column of the right whose name the left has, too, gets the suffix. Raises ProgramError where two would have one name.
    """
    key_types(left, right, on)
    shared = [one for one, other in on if one == other and how not in (SEMI, ANTI)]
    made = [_of_left(column, right, shared, how) for column in left]
    if how not in (SEMI, ANTI):
        made += [
            _of_right(column, left, suffix, how) for column in right if column.name not in shared
        ]
    _check_names([joined.column.name for joined in made], suffix)
    return made


def key_types(left: Schema, right: Schema, on: On) -> list[Type]:
    """For each pair of keys the type in which they are compared. Raises ProgramError."""
    return [
        _key_type(_there(left, one, "left"), _there(right, other, "right")) for one, other in on
    ]


def key_error(one: Column, other: Column) -> str | None:
    """Why the two cannot be compared, as a sentence; None where they can."""
    if (wide := common_type(one.type, other.type)) is None:
        return (
            f"the key {one.name} is {one.type} on the left, and {other.name} is {other.type} on the right:"
            " make them alike with a Map before (str, int, float, date …)"
        )
    if wide.kind in _WITHOUT_EQUALITY:
        return f"the key {one.name} is {one.type}, of which one value may have several texts: it cannot be a key"
    return None


def _key_type(one: Column, other: Column) -> Type:
    if (wrong := key_error(one, other)) is not None:
        raise ProgramError(wrong)
    wide = common_type(one.type, other.type)
    assert wide is not None
    return wide


def _there(schema: Schema, name: str, side: str) -> Column:
    if (column := schema.column(name)) is None:
        raise ProgramError(
            f"the {side} has no column {name!r} for the key; it has {listed(schema.names)}"
        )
    return column


def _of_left(column: Column, right: Schema, shared: Sequence[str], how: str) -> Joined:
    if column.name in shared:
        other = _there(right, column.name, "right")
        of = Column(column.name, _key_type(column, other), column.is_nullable or other.is_nullable)
        return Joined(Side.BOTH, column.name, of)
    return Joined(Side.LEFT, column.name, _nullable(column, how in (RIGHT, FULL)))


def _of_right(column: Column, left: Schema, suffix: str, how: str) -> Joined:
    name = column.name + (suffix if left.column(column.name) else "")
    of = replace(_nullable(column, how in (LEFT, FULL)), name=name)
    return Joined(Side.RIGHT, column.name, of)


def _nullable(column: Column, may_miss: bool) -> Column:
    return replace(column, is_nullable=column.is_nullable or may_miss)


def _check_names(names: list[str], suffix: str) -> None:
    twice = list(_repeated(names))
    if twice:
        raise ProgramError(
            f"two columns would be called {listed(map(repr, twice))}: choose another suffix than {suffix!r}"
        )


def _repeated(names: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


def looked_up_columns(rows: Schema, table: Schema, columns: Sequence[str], on: On) -> Schema:
    """The columns of a lookup's rows: those that come in, then the chosen ones. Raises ProgramError."""
    key_types(rows, table, on)
    for name in columns:
        if table.column(name) is None:
            raise ProgramError(f"the lookup has no column {name!r}; it has {listed(table.names)}")
        if rows.column(name) is not None:
            raise ProgramError(
                f"the rows have a column {name!r} already: rename one of the two with a Map before"
            )
    found = [column for name in columns if (column := table.column(name)) is not None]
    return Schema([*rows, *(replace(column, is_nullable=True) for column in found)])
