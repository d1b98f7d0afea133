"""By what rows are compared: SQL whose values are equal, and in order, as the values of a column are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from program_lib.common_types import column_of
from program_lib.errors import ProgramError
from program_lib.expressions.quoting import quoted_name
from program_lib.types import Column, Kind, Schema

ASCENDING, DESCENDING = "asc", "desc"
DIRECTIONS = (ASCENDING, DESCENDING)
NULLS_FIRST, NULLS_LAST = "first", "last"
PLACES_OF_NULL = (NULLS_LAST, NULLS_FIRST)
# Of the number of digits before the point: PostgreSQL's numeric has up to 131,072
LENGTH_DIGITS = 6
_WITHOUT_ORDER = frozenset({Kind.INTERVAL, Kind.OTHER, Kind.JSON})

Order = tuple[str, str, str]  # a column, its direction, where its NULLs stand


def group_key(column: Column) -> str:
    """Rows of one group have the same. Raises ProgramError where the values cannot be compared."""
    sql = quoted_name(column.name)
    if column.type.kind is Kind.JSON:
        raise ProgramError(
            f"{column.name} is json, which has many texts for one value:"
            " make it a text with str(…) in a Map before"
        )
    if column.type.kind is Kind.NUMERIC:
        return numeric_key(sql)
    return f"rtrim({sql}, ' ')" if column.type.is_padded else sql


def order_key(column: Column) -> str:
    """Rows are sorted by it. Raises ProgramError where the values have no order."""
    if column.type.kind in _WITHOUT_ORDER:
        raise ProgramError(
            f"{column.name} is {column.type}, which has no order here:"
            " make it a text or a number with a Map before (str, int …)"
        )
    return group_key(column)


def group_keys(schema: Schema, names: Iterable[str]) -> list[str]:
    return [group_key(column_of(schema, name)) for name in names]


def sorting(schema: Schema, orders: Sequence[Order]) -> list[str]:
    """What stands in ORDER BY, a text for each column."""
    return [_sorted_by(column_of(schema, name), *rest) for name, *rest in orders]


def _sorted_by(column: Column, direction: str, nulls: str) -> str:
    if direction not in DIRECTIONS or nulls not in PLACES_OF_NULL:
        raise ProgramError(
            f"{column.name} is sorted {direction}, NULLs {nulls}: it must be asc or desc, and first or last"
        )
    return f"{order_key(column)} {direction.upper()} NULLS {nulls.upper()}"


def numeric_key(sql: str) -> str:
    """A text that has the place among texts which a NUMERIC, which is a text of digits, has among numbers.

    1.5 is "p" and "000001", the number of its digits before the point, and "15". Of a negative number each digit is
    taken from 9, and "~" ends it, so that -1.5 comes after -1.55. 1.50 has the same key as 1.5. No number of digits
    is too large for it, as it would be for a decimal.
    """
    whole = f"ltrim(split_part(ltrim({sql}, '-'), '.', 1), '0')"
    after = f"rtrim(split_part({sql}, '.', 2), '0')"
    digits = f"lpad(CAST(length({whole}) AS VARCHAR), {LENGTH_DIGITS}, '0') || {whole} || {after}"
    return (
        f"(CASE {sql} WHEN 'NaN' THEN 'r' WHEN 'Infinity' THEN 'q' WHEN '-Infinity' THEN 'm' ELSE CASE"
        f" WHEN {whole} = '' AND {after} = '' THEN 'o'"
        f" WHEN starts_with({sql}, '-') THEN 'n' || translate({digits}, '0123456789', '9876543210') || '~'"
        f" ELSE 'p' || {digits} END END)"
    )


def places_after_point(sql: str) -> str:
    """How many digits a NUMERIC, which is a text of digits, has after the point; zeros at the end not counted."""
    return f"length(rtrim(split_part({sql}, '.', 2), '0'))"


def places_before_point(sql: str) -> str:
    """How many digits the text of a number has before the point; zeros at the start not counted."""
    return f"length(ltrim(split_part(ltrim({sql}, '-'), '.', 1), '0'))"
