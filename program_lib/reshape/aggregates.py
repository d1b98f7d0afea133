"""Functions over the rows of a group, or of a window: which type they give, and their SQL.

They mean what PostgreSQL means: NULLs do not count, and the sum of nothing is NULL. What cannot be exact fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from program_lib.errors import ProgramError
from program_lib.expressions.quoting import case, cast, fail, quoted, quoted_name
from program_lib.reshape.keys import group_key, order_key
from program_lib.types import (
    AS_TEXT,
    DOUBLE,
    INTEGER,
    MAX_DIGITS,
    NUMERIC,
    TEXT,
    Column,
    Kind,
    Type,
    decimal,
)

# After the point that a mean has beyond those of its values; PostgreSQL gives 16 in all
MEAN_DIGITS = 6
SEPARATOR = ", "
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC, Kind.DOUBLE})
_LAST_INTEGER = 2**63 - 1

# From the name of a function and its arguments to SQL: adds FILTER to it for a pivot, OVER for a window
Call = Callable[[str], str]


def plain(call: str) -> str:
    return call


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The type of a result, and its SQL."""

    type: Type
    sql: str
    is_nullable: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A function of a column, in the order of the rows.

    `scale`: the most digits after the point of any value, where the column is NUMERIC. `call` completes a call of an
    aggregate function; `in_order` says that calls are made in the order of rows already.
    """

    column: Column | None
    scale: int = 0
    separator: str = SEPARATOR
    call: Call = plain
    in_order: bool = False

    @property
    def known(self) -> Column:
        assert self.column is not None
        return self.column

    @property
    def kind(self) -> Kind:
        return self.known.type.kind

    @property
    def sql(self) -> str:
        return quoted_name(self.known.name)

    @property
    def order(self) -> str:
        return "" if self.in_order else " ORDER BY n"


def needs_column(function: str) -> bool:
    return function != "count"


def aggregated(function: str, asked: Asked) -> Aggregated:
    """Raises ProgramError where there is no such function, or the column's type is not for it."""
    if function not in FUNCTIONS:
        raise ProgramError(f"there is no function {function!r}; there are {', '.join(FUNCTIONS)}")
    if asked.column is None and needs_column(function):
        raise ProgramError(f"{function} needs a column")
    return FUNCTIONS[function](asked)


# ------------------------------------------------ counts


def _count(asked: Asked) -> Aggregated:
    counted = "*" if asked.column is None else asked.sql
    return Aggregated(INTEGER, asked.call(f"count({counted})"), is_nullable=False)


def _count_distinct(asked: Asked) -> Aggregated:
    call = asked.call(f"count(DISTINCT {group_key(asked.known)})")
    return Aggregated(INTEGER, call, is_nullable=False)


# ------------------------------------------------ sums and means


def _sum(asked: Asked) -> Aggregated:
    _check_number("sum", asked)
    if asked.kind is Kind.DOUBLE:
        return Aggregated(DOUBLE, _finite(asked, asked.call(f"sum({asked.sql}{asked.order})")))
    total, scale = _total(asked)
    if asked.kind is Kind.INTEGER:
        return Aggregated(INTEGER, _in_64_bits(asked, total))
    if asked.kind is Kind.NUMERIC:
        return Aggregated(NUMERIC, numeric_text(total, scale))
    return Aggregated(decimal(MAX_DIGITS, scale), total)


def _mean(asked: Asked) -> Aggregated:
    """Of whole numbers and decimals exact, and rounded half up to six digits more than they have."""
    _check_number("mean", asked)
    if asked.kind is Kind.DOUBLE:
        return Aggregated(DOUBLE, _finite(asked, asked.call(f"avg({asked.sql}{asked.order})")))
    total, scale = _total(asked)
    more = min(MEAN_DIGITS, MAX_DIGITS - scale)
    found = _divided(total, asked.call(f"count({asked.sql})"), scale, more)
    return _exact_number("mean", asked, found, scale + more, total)


def _median(asked: Asked) -> Aggregated:
    """What stands in the middle; of an even number of values halfway between the two, exactly but for doubles.

    DuckDB keeps the values of all groups in memory for it.
    """
    _check_number("median", asked)
    value = _exact(asked) if asked.kind is Kind.NUMERIC else asked.sql
    low, high = (asked.call(f"quantile_disc({value}, {part})") for part in ("0.5", "-0.5"))
    if (
        asked.kind is Kind.DOUBLE
    ):  # their sum may be beyond a double, and the half of the least one is 0
        halves = case(
            (f"isfinite({low} + {high})", f"({low} + {high}) / 2"),
            otherwise=f"{low} / 2 + {high} / 2",
        )
        return Aggregated(DOUBLE, case((f"{low} = {high}", low), otherwise=halves))
    scale = _scale(asked)
    more = min(1, MAX_DIGITS - scale)
    wide = "HUGEINT" if asked.kind is Kind.INTEGER else f"DECIMAL({MAX_DIGITS},{scale})"
    total = f"({low}::{wide} + {high}::{wide})"
    return _exact_number("median", asked, _divided(total, "2", scale, more), scale + more, total)


def _exact_number(function: str, asked: Asked, text: str, after: int, total: str) -> Aggregated:
    """A result with `after` digits after the point, of its text; NULL where `total` is."""
    if asked.kind is Kind.NUMERIC:
        short = f"rtrim(rtrim({text}, '0'), '.')"
        return Aggregated(NUMERIC, f"regexp_replace({short}, '^-0$', '0')")
    of = decimal(MAX_DIGITS, after)
    tried = f"TRY_{cast(text, of)}"
    problem = f"the {function} of {asked.known.name} has no room in {MAX_DIGITS} digits, {after} of them after the point: "
    failed = fail(problem, of, text)
    return Aggregated(
        of, case((f"{tried} IS NULL AND {total} IS NOT NULL", failed), otherwise=tried)
    )


def _total(asked: Asked) -> tuple[str, int]:
    """The exact sum, a HUGEINT or a decimal of 38 digits, and its digits after the point. DuckDB fails on overflow."""
    value = _exact(asked) if asked.kind is Kind.NUMERIC else asked.sql
    return asked.call(f"sum({value})"), _scale(asked)


def _scale(asked: Asked) -> int:
    """Digits after the point of the column's exact numbers."""
    return asked.scale if asked.kind is Kind.NUMERIC else asked.known.type.scale or 0


def _exact(asked: Asked) -> str:
    """A NUMERIC as a decimal with as many digits after the point as any value has."""
    if asked.scale > MAX_DIGITS:
        raise ProgramError(
            f"{asked.known.name} has a value with {asked.scale} digits after the point:"
            f" numbers of at most {MAX_DIGITS} digits can be added up"
        )
    wanted = decimal(MAX_DIGITS, asked.scale)
    tried = f"TRY_{cast(asked.sql, wanted)}"
    problem = f"{asked.known.name} cannot be added up exactly, with {MAX_DIGITS} digits: "
    failed = fail(problem, wanted, asked.sql)
    return case((f"{tried} IS NULL AND {asked.sql} IS NOT NULL", failed), otherwise=tried)


def _divided(total: str, count: str, scale: int, more: int) -> str:
    """The text of total / count with `more` digits, computed in whole numbers: DuckDB divides in floating point."""
    whole = f"CAST(replace(CAST({total} AS VARCHAR), '.', '') AS HUGEINT)"
    size, factor, after = f"abs({whole})", f"{10**more}::HUGEINT", scale + more
    part = f"(({size} % {count}) * 2 * {factor} + {count}) // (2 * {count})"  # up to `factor`
    found = f"CAST({size} // {count} + {part} // {factor} AS VARCHAR)"
    if more:
        found = f"{found} || lpad(CAST({part} % {factor} AS VARCHAR), {more}, '0')"
    # lpad would cut what is longer
    digits = f"repeat('0', {after + 1} - length({found})) || {found}"
    text = f"left({digits}, -{after}) || '.' || right({digits}, {after})" if after else digits
    sign = f"CASE WHEN {whole} < 0 THEN '-' ELSE '' END"
    return f"({sign} || {text})"


def numeric_text(sql: str, scale: int) -> str:
    """The text of a decimal as NUMERIC has it: without zeros at its end, with one before the point."""
    if not scale:
        return cast(sql, TEXT)
    text = f"rtrim(rtrim({cast(sql, TEXT)}, '0'), '.')"
    if scale < MAX_DIGITS:
        return text
    return rf"coalesce(nullif(regexp_replace({text}, '^(-?)\.', '\10.'), ''), '0')"


def _in_64_bits(asked: Asked, total: str) -> str:
    beyond = f"{total} NOT BETWEEN -{_LAST_INTEGER + 1}::HUGEINT AND {_LAST_INTEGER}::HUGEINT"
    failed = fail(f"the sum of {asked.known.name} is beyond 64 bits: ", INTEGER, total)
    return case((beyond, failed), otherwise=cast(total, INTEGER))


def _finite(asked: Asked, result: str) -> str:
    """Refuses a result that is infinite though no value is."""
    infinite = asked.call(f"bool_or(isinf({asked.sql}) OR isnan({asked.sql}))")
    failed = fail(
        f"{asked.known.name}: the result is too large for a floating-point number", DOUBLE
    )
    return case((f"NOT isfinite({result}) AND NOT {infinite}", failed), otherwise=result)


def _check_number(function: str, asked: Asked) -> None:
    if asked.kind not in _NUMBERS:
        raise ProgramError(
            f"{function} is for numbers, and {asked.known.name} is {asked.known.type}:"
            " make it a number with a Map before (int, float …)"
        )


# ------------------------------------------------ one of the values


def _min(asked: Asked) -> Aggregated:
    return _extreme(asked, "min")


def _max(asked: Asked) -> Aggregated:
    return _extreme(asked, "max")


def _extreme(asked: Asked, which: str) -> Aggregated:
    """Of values that are equal and not the same, such as 1.5 and 1.50, the first row's."""
    key = order_key(asked.known)
    if key == asked.sql and asked.kind is not Kind.DOUBLE:
        return Aggregated(asked.known.type, asked.call(f"{which}({asked.sql})"))
    place = "n" if which == "min" else "-n"
    # A struct would do, but beside one DuckDB gives 0.0 for -0.0
    by = f"create_sort_key({key}, 'ASC NULLS LAST', {place}, 'ASC NULLS LAST')"
    return Aggregated(asked.known.type, asked.call(f"arg_{which}({asked.sql}, {by})"))


def _first(asked: Asked) -> Aggregated:
    return Aggregated(asked.known.type, asked.call(f"arg_min_null({asked.sql}, n)"))


def _last(asked: Asked) -> Aggregated:
    return Aggregated(asked.known.type, asked.call(f"arg_max_null({asked.sql}, n)"))


def _join(asked: Asked) -> Aggregated:
    if asked.kind is not Kind.TEXT and asked.kind not in AS_TEXT:
        raise ProgramError(
            f"join is for texts, and {asked.known.name} is {asked.known.type}:"
            " make it a text with str(…) in a Map before"
        )
    call = f"string_agg({asked.sql}, {quoted(asked.separator)}{asked.order})"
    return Aggregated(TEXT, asked.call(call))


FUNCTIONS: Mapping[str, Callable[[Asked], Aggregated]] = {
    "count": _count,
    "count distinct": _count_distinct,
    "sum": _sum,
    "mean": _mean,
    "median": _median,
    "min": _min,
    "max": _max,
    "first": _first,
    "last": _last,
    "join": _join,
}
