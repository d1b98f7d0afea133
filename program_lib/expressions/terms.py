"""A part of an expression as SQL of a known type, and how a value of one type becomes one of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from program_lib.expressions.literals import digits_of
from program_lib.expressions.quoting import case, cast, fail, let, quoted
from program_lib.parameters.parameter import Value
from program_lib.types import (
    BOOLEAN,
    DOUBLE,
    INTEGER,
    MAX_DIGITS,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    Kind,
    Type,
    decimal,
)

INTEGER_DIGITS = 19  # of the largest whole number of 64 bits
# Digits; DuckDB turns longer decimals into a double that may be the next but one
EXACT_IN_DOUBLE = 15
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
_NULL = Type(Kind.OTHER, native="null:null")


class Misfit(Exception):
    """Types that do not go together; the compiler adds the place."""


@dataclass(frozen=True, slots=True)
class Term:
    """SQL over the columns of a batch, and what it gives.

    A NUMERIC is SQL that gives its text, or, with `exact`, one that gives a decimal. `scale` is the most digits
    after the point that a NUMERIC has in this batch.
    """

    sql: str
    type: Type
    value: str | Decimal | bool | None = None  # of a literal
    is_literal: bool = False
    # For some row: what stands before it in `and` decides whether it is computed
    may_fail: bool = False
    is_nullable: bool = True
    exact: Type | None = None
    scale: int = 0
    doubles: tuple[str, ...] = ()  # what it is computed from that may be infinite
    is_unchecked: bool = False  # a double of which nobody has looked whether it is in range

    @property
    def is_null(self) -> bool:
        return self.type is _NULL

    @property
    def kind(self) -> Kind:
        return self.type.kind

    @property
    def is_literal_text(self) -> bool:
        return self.is_literal and self.kind is Kind.TEXT


NULL = Term("NULL", _NULL, is_literal=True)
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC, Kind.DOUBLE})


def is_number(term: Term) -> bool:
    return term.kind in NUMBERS


def called(term: Term) -> str:
    """What a message calls the type."""
    return "None" if term.is_null else str(term.type)


def typed_null(of: Type) -> Term:
    exact = decimal(1, 0) if of.kind is Kind.NUMERIC else None
    return Term(cast("NULL", exact or of), of, exact=exact)


def text_literal(value: str) -> Term:
    return Term(cast(quoted(value), TEXT), TEXT, value, is_literal=True, is_nullable=False)


def boolean_literal(value: bool) -> Term:
    return Term(str(value).upper(), BOOLEAN, value, is_literal=True, is_nullable=False)


def number_literal(value: Decimal, is_whole: bool) -> Term:
    """A whole number is an integer as long as 64 bits hold it; all others are decimals."""
    before, after = digits_of(value)
    fits = is_whole and MIN_INTEGER <= value <= MAX_INTEGER
    of = INTEGER if fits else decimal(max(before + after, 1), after)
    return Term(_number(value, of), of, value, is_literal=True, is_nullable=False)


def _number(value: Decimal, of: Type) -> str:
    return cast(quoted(f"{value:f}"), of)


def given_value(value: Value) -> Term:
    """The value of a parameter. It counts as no literal, so that what is made of it has one type whatever the value is."""
    if value.text is None:
        return typed_null(value.type)
    if value.type.kind is not Kind.NUMERIC:
        return Term(cast(quoted(value.text), value.type), value.type, is_nullable=False)
    number = Decimal(value.text)
    before, after = digits_of(number)
    exact = decimal(max(before + after, 1), after)
    return numeric(_number(number, exact), exact, may_fail=False)


# ------------------------------------------------ exact numbers


def exact_type(term: Term) -> Type:
    """The decimal type that holds a whole number, a decimal or a NUMERIC exactly."""
    if term.is_literal and isinstance(term.value, Decimal):
        before, after = digits_of(term.value)
        return decimal(max(before + after, 1), after)
    if term.kind is Kind.INTEGER:
        return decimal(INTEGER_DIGITS, 0)
    if term.kind is Kind.NUMERIC:
        return term.exact or _numeric_type(term.scale)
    return term.type


def _numeric_type(scale: int) -> Type:
    if scale > MAX_DIGITS:
        raise Misfit(
            f"there is a value with {scale} digits after the point,"
            f" numbers of at most {MAX_DIGITS} digits can be computed with"
        )
    return decimal(MAX_DIGITS, scale)


def scale_of(term: Term) -> int:
    """The most digits after the point that the term's value has; 0 if it is no exact number."""
    if term.kind is Kind.NUMERIC and term.exact is None:
        return term.scale
    is_exact = term.kind in NUMBERS and term.kind is not Kind.DOUBLE
    return (exact_type(term).scale or 0) if is_exact else 0


def as_exact(term: Term, to: Type | None = None) -> str:
    """SQL that gives a decimal; with more digits after the point than it has, never with fewer."""
    of = exact_type(term)
    wanted = to or of
    assert (wanted.scale or 0) >= (of.scale or 0)
    if term.is_literal and isinstance(term.value, Decimal):
        return _number(term.value, wanted)
    is_so = wanted == (term.exact or (term.type if term.kind is Kind.DECIMAL else None))
    return term.sql if is_so else cast(term.sql, wanted)


def common_exact(types: Sequence[Type]) -> Type:
    """The decimal type for values of all of these; past 38 digits a value may turn out not to fit, and fails."""
    scale = max(one.scale or 0 for one in types)
    before = max((one.precision or 0) - (one.scale or 0) for one in types)
    return decimal(max(min(before + scale, MAX_DIGITS), 1), scale)


def can_overflow(of: Type, to: Type) -> bool:
    return _before(of) > _before(to)


def _before(of: Type) -> int:
    return (of.precision or 0) - (of.scale or 0)


# ------------------------------------------------ other types


def as_double(term: Term) -> str:
    """The double that is nearest to the number."""
    if term.kind is Kind.DOUBLE:
        return term.sql
    if term.is_literal and isinstance(term.value, Decimal):
        return _number(term.value, DOUBLE)
    if term.kind is Kind.INTEGER or (exact_type(term).precision or 0) <= EXACT_IN_DOUBLE:
        return cast(term.sql, DOUBLE)
    return cast(cast(term.sql, TEXT), DOUBLE)


def as_numeric(term: Term) -> str:
    """Text of an exact number: each value of a NUMERIC column as it stands, computed ones without needless zeros."""
    if term.kind is Kind.NUMERIC and term.exact is None:
        return term.sql
    if term.is_literal and isinstance(term.value, Decimal):
        return cast(quoted(f"{term.value:f}"), TEXT)
    text = decimal_text(term.sql, exact_type(term))
    is_computed = term.kind is Kind.NUMERIC and exact_type(term).scale
    return f"rtrim(rtrim({text}, '0'), '.')" if is_computed else text


def decimal_text(sql: str, of: Type) -> str:
    """Digits of a decimal; DuckDB leaves the 0 out of 0.05 where the type has no room for one."""
    if of.precision != of.scale:
        return cast(sql, TEXT)
    if (of.precision or 0) < MAX_DIGITS:
        return cast(cast(sql, decimal((of.precision or 0) + 1, of.scale or 0)), TEXT)
    return rf"regexp_replace({cast(sql, TEXT)}, '^(-?)\.', '\10.')"


def convert(term: Term, to: Type) -> str:
    """SQL that gives the value as one of `to`, where that changes nothing about it."""
    if term.is_null:
        return cast("NULL", to)
    if to.kind is Kind.DOUBLE:
        return as_double(term)
    if to.kind is Kind.NUMERIC:
        return as_numeric(term)
    if to.kind is Kind.DECIMAL:
        return as_exact(term, to)
    if to.kind is Kind.TIMESTAMP and term.kind is Kind.DATE:
        return cast(term.sql, TIMESTAMP)
    return term.sql


def as_value(term: Term) -> Term:
    """The term as others use it: text of CHAR(n) without the spaces that do not count, doubles that are in range."""
    if term.type.is_padded:
        return replace(term, sql=f"rtrim({term.sql}, ' ')", type=TEXT)
    return checked(term)


def checked(term: Term) -> Term:
    """Refuses a double that became infinite (or NaN by way of infinity) though no number behind it is.

    One look at the end is enough: sums, differences and products of an infinite number are not finite again.
    """
    if not term.is_unchecked:
        return term
    finite = "".join(f" AND isfinite({double})" for double in term.doubles)
    failed = fail("the result is too large for a floating-point number", DOUBLE)

    def body(value: str) -> str:
        return case((f"NOT isfinite({value}){finite}", failed), otherwise=value)

    return replace(term, sql=let(body, term.sql), is_unchecked=False)


def carried(term: Term) -> Term:
    """The term as it lies in a batch."""
    if term.is_null:
        return Term(cast("NULL", TEXT), TEXT)
    if term.kind is Kind.NUMERIC:
        return replace(term, sql=as_numeric(term), exact=None)
    return term if term.type.is_padded else checked(term)


def numeric(sql: str, exact: Type, may_fail: bool = True) -> Term:
    return Term(sql, NUMERIC, exact=exact, scale=exact.scale or 0, may_fail=may_fail)


def doubles_of(terms: Sequence[Term]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(double for term in terms for double in term.doubles))


def any_fails(terms: Sequence[Term]) -> bool:
    return any(term.may_fail for term in terms)
