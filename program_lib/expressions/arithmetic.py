"""Computing with numbers: whole numbers of 64 bits, exact decimals, doubles. What does not fit fails, and never wraps."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from program_lib.expressions.quoting import case, cast, fail, let, quoted
from program_lib.expressions.terms import (
    INTEGER_DIGITS,
    MIN_INTEGER,
    Misfit,
    Term,
    as_double,
    as_exact,
    called,
    checked,
    common_exact,
    doubles_of,
    exact_type,
    is_number,
    number_literal,
    numeric,
    typed_null,
)
from program_lib.types import DOUBLE, INTEGER, MAX_DIGITS, Kind, Type, decimal

QUOTIENT_SCALE = 12  # digits after the point of a quotient of decimals, at least
NARROW_DIGITS = 18  # of decimals in 64 bits: DuckDB multiplies two of them in 64 bits, too, and fails where these are too few
CHUNK = 7  # digits that one step of a long division adds
SIGNS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
DIVISION_BY_ZERO = "division by zero"


def compute(operator: ast.operator, left: Term, right: Term) -> Term:
    """left + right and so on, for numbers. Raises Misfit."""
    sign = SIGNS[type(operator)]
    _refuse_others(sign, left, right)
    left, right = _without_null(left, right)
    if sign == "**":
        return _power(left, right)
    if Kind.DOUBLE in (left.kind, right.kind):
        return _of_doubles(sign, left, right)
    if left.kind is right.kind is Kind.INTEGER:
        return _of_integers(sign, left, right)
    return _of_decimals(sign, left, right)


def _refuse_others(sign: str, left: Term, right: Term) -> None:
    kinds = [term for term in (left, right) if not term.is_null]
    if all(is_number(term) for term in kinds):
        return
    advice = ""
    if Kind.TEXT in (left.kind, right.kind):
        advice = ": write int(text) or float(text) to compute"
        if sign == "+":
            advice = ": write str(…) to join texts, int(text) or float(text) to add numbers"
    raise Misfit(f"{called(left)} {sign} {called(right)} is not possible{advice}")


def _without_null(left: Term, right: Term) -> tuple[Term, Term]:
    of_left = INTEGER if left.is_null else left.type
    of_right = INTEGER if right.is_null else right.type
    return (
        typed_null(of_right) if left.is_null else left,
        typed_null(of_left) if right.is_null else right,
    )


# ------------------------------------------------ whole numbers


def _of_integers(sign: str, left: Term, right: Term) -> Term:
    if sign == "/":
        return _of_doubles(sign, left, right)
    sql = f"({left.sql} {sign} {right.sql})"
    if sign in ("//", "%"):
        sql = _unless_zero(left.sql, right, sign, INTEGER)
    return Term(sql, INTEGER, may_fail=True)


def _unless_zero(left: str, right: Term, sign: str, of: Type, divisor: str | None = None) -> str:
    """left / right; division by zero fails, unless it is NULL or NaN that is divided."""
    divisor = divisor or right.sql
    if right.is_literal and right.value:
        return f"({left} {sign} {divisor})"
    failed = fail(DIVISION_BY_ZERO, of)

    def body(above: str, below: str) -> str:
        is_something = f"NOT isnan({above})" if of is DOUBLE else f"{above} IS NOT NULL"
        is_wrong = f"{below} = 0 AND {is_something}"
        return case((is_wrong, failed), otherwise=f"({above} {sign} {below})")

    return let(body, left, divisor)


# ------------------------------------------------ decimals


def _of_decimals(sign: str, left: Term, right: Term) -> Term:
    computed = _DECIMAL[sign](left, right)
    return as_numeric_if(computed, left, right)


def as_numeric_if(computed: Term, *operands: Term) -> Term:
    """What is computed of a NUMERIC is one, too."""
    if all(term.kind is not Kind.NUMERIC for term in operands):
        return computed
    return numeric(computed.sql, computed.type)


def _decimal(sql: str, of: Type) -> Term:
    return Term(cast(sql, of), of, may_fail=True)


def _sum(sign: str) -> Callable[[Term, Term], Term]:
    def added(left: Term, right: Term) -> Term:
        common = common_exact([exact_type(left), exact_type(right)])
        precision, scale = _digits(common)
        sql = f"({as_exact(left, common)} {sign} {as_exact(right, common)})"
        return _decimal(sql, decimal(min(precision + 1, MAX_DIGITS), scale))

    return added


def _product(left: Term, right: Term) -> Term:
    (left_digits, left_scale), (right_digits, right_scale) = _both_digits(left, right)
    scale = left_scale + right_scale
    if scale > MAX_DIGITS:
        raise Misfit(
            f"a product with {scale} digits after the point is not possible, at most {MAX_DIGITS}:"
            " write round(x, digits) or float(x)"
        )
    digits = left_digits + right_digits
    of = decimal(min(digits, MAX_DIGITS), scale)
    is_narrow = max(left_digits, right_digits) <= NARROW_DIGITS < digits
    wide = decimal(NARROW_DIGITS + 1, left_scale) if is_narrow else None
    return _decimal(f"({as_exact(left, wide)} * {as_exact(right)})", of)


def _remainder(left: Term, right: Term) -> Term:
    common = common_exact([exact_type(left), exact_type(right)])
    divisor = as_exact(right, common)
    return _decimal(_unless_zero(as_exact(left, common), right, "%", common, divisor), common)


def _whole_quotient(left: Term, right: Term) -> Term:
    """Truncates toward zero."""
    (left_digits, left_scale), (_, right_scale) = _both_digits(left, right)
    scale = max(left_scale, right_scale)
    of = decimal(max(min(left_digits - left_scale + right_scale, MAX_DIGITS), 1), 0)
    dividend, divisor = (digits_as_whole(term, scale) for term in (left, right))
    return _decimal(_quotient(dividend, right, divisor, 0), of)


def _exact_quotient(left: Term, right: Term) -> Term:
    """Rounds halves away from zero, at the scale that the form's help names.

    One digit more is computed and cut off there: whether a half is reached shows in that digit.
    """
    (left_digits, left_scale), (_, right_scale) = _both_digits(left, right)
    scale = max(QUOTIENT_SCALE, left_scale, right_scale)
    if scale >= MAX_DIGITS:
        raise Misfit(
            f"a quotient with {scale} digits after the point is not possible: write float(x)"
        )
    more = scale + 1 + right_scale - left_scale  # digits that the dividend needs at its end
    before = left_digits - left_scale + right_scale
    of = decimal(min(before + scale, MAX_DIGITS), scale)
    at_once = more if left_digits + more <= MAX_DIGITS else 0
    dividend = digits_as_whole(left, left_scale + at_once)
    whole = _quotient(dividend, right, digits_as_whole(right, right_scale), more - at_once)
    whole = _rounded_by_row(whole, left, right, scale)
    return _decimal(f"({cast(whole, decimal(MAX_DIGITS, 0))} * {_tenth(scale + 1)})", of)


def _rounded_by_row(whole: str, left: Term, right: Term, scale: int) -> str:
    """A quotient * 10**(scale + 1), rounded to the digits that the row's own numbers ask for.

    `scale` is of all rows of a batch where a NUMERIC has digits of its own, and which rows those are means nothing.
    """
    own = [term for term in (left, right) if term.kind is Kind.NUMERIC]
    scales = [exact_type(term).scale or 0 for term in (left, right) if term not in own]
    least = max(QUOTIENT_SCALE, *scales, 0)
    if not own or least >= scale:
        return whole

    def body(whole: str, digits: str) -> str:
        power = f"CAST('1' || repeat('0', {scale + 1} - {digits}) AS HUGEINT)"
        size = f"(abs({whole}) + {power} // 2) // {power} * {power}"
        return case((f"{whole} < 0", f"-({size})"), otherwise=size)

    return let(body, whole, f"greatest({least}, {', '.join(map(_places, own))})")


def _places(term: Term) -> str:
    """How many digits a number has after the point, zeros at the end not counted."""
    return f"length(rtrim(split_part(CAST({as_exact(term)} AS VARCHAR), '.', 2), '0'))"


_DECIMAL: dict[str, Callable[[Term, Term], Term]] = {
    "+": _sum("+"),
    "-": _sum("-"),
    "*": _product,
    "/": _exact_quotient,
    "//": _whole_quotient,
    "%": _remainder,
}


def _quotient(dividend: str, right: Term, divisor: str, more: int) -> str:
    """dividend * 10**more / divisor, cut off: of whole numbers of 38 digits, as one divides on paper."""
    failed = f"CAST(error({quoted(DIVISION_BY_ZERO)}) AS HUGEINT)"

    def of_both(above: str, below: str) -> str:
        long = _long_division(above, below, more)
        if right.is_literal and right.value:
            return long
        return case((f"{below} = 0 AND {above} IS NOT NULL", failed), otherwise=long)

    return let(of_both, dividend, divisor)


def _long_division(above: str, below: str, more: int) -> str:
    quotient, rest = f"({above} // {below})", f"({above} % {below})"
    while more > 0:
        power = f"CAST({10 ** min(more, CHUNK)} AS HUGEINT)"
        quotient = f"({quotient} * {power} + ({rest} * {power}) // {below})"
        rest = f"(({rest} * {power}) % {below})"
        more -= CHUNK
    return quotient


def digits_as_whole(term: Term, scale: int) -> str:
    """term * 10**scale as a HUGEINT; `scale` is at least the term's own."""
    of = exact_type(term)
    own = of.scale or 0
    digits = f"replace(CAST({as_exact(term)} AS VARCHAR), '.', '')" if own else as_exact(term)
    whole = f"CAST({digits} AS HUGEINT)"
    return whole if scale == own else f"({whole} * CAST({10 ** (scale - own)} AS HUGEINT))"


def _tenth(digits: int) -> str:
    return cast(quoted(f"{Decimal(1).scaleb(-digits):f}"), decimal(digits, digits))


def _digits(of: Type) -> tuple[int, int]:
    assert of.precision is not None
    assert of.scale is not None
    return of.precision, of.scale


def _both_digits(left: Term, right: Term) -> tuple[tuple[int, int], tuple[int, int]]:
    return _digits(exact_type(left)), _digits(exact_type(right))


# ------------------------------------------------ doubles


def _of_doubles(sign: str, left: Term, right: Term) -> Term:
    if sign in ("/", "//", "%"):
        right = checked(right)  # divided by an infinite number, all would be 0
    above, below = as_double(left), as_double(right)
    doubles = doubles_of([left, right])
    if sign in ("/", "//", "%"):
        sql = _unless_zero(above, right, "%" if sign == "%" else "/", DOUBLE, below)
        sql = f"trunc({sql})" if sign == "//" else sql
    else:
        sql = f"({above} {sign} {below})"
    return Term(sql, DOUBLE, may_fail=True, doubles=doubles, is_unchecked=True)


def _power(left: Term, right: Term) -> Term:
    for term in (left, right):
        if term.kind in (Kind.DECIMAL, Kind.NUMERIC) and not term.is_literal:
            raise Misfit(f"a power of {called(term)} is not exact: write float(x) ** y, or x * x")
    base, exponent = as_double(checked(left)), as_double(checked(right))
    sql = let(lambda low, high: _checked_power(low, high, right), base, exponent)
    doubles = doubles_of([left, right])
    return Term(sql, DOUBLE, may_fail=True, doubles=doubles, is_unchecked=True)


def _checked_power(base: str, exponent: str, right: Term) -> str:
    """Fails as PostgreSQL does where there is no number to give."""
    power = f"pow({base}, {exponent})"
    if right.is_literal and isinstance(right.value, Decimal) and _is_natural(right.value):
        return power
    zero = fail("zero to a negative power is not defined", DOUBLE)
    negative = fail("a negative number to a power that is not whole is not defined", DOUBLE)
    return case(
        (f"{base} = 0 AND {exponent} < 0", zero),
        (f"{base} < 0 AND floor({exponent}) <> {exponent}", negative),
        otherwise=power,
    )


def _is_natural(value: Decimal) -> bool:
    return value >= 0 and value == value.to_integral_value()


# ------------------------------------------------ one number


def negated(term: Term) -> Term:
    if term.is_null:
        return term
    if not is_number(term):
        raise Misfit(f"-{called(term)} is not possible")
    if term.is_literal and isinstance(term.value, Decimal):
        return number_literal(-term.value, term.kind is Kind.INTEGER or -term.value == MIN_INTEGER)
    if term.kind is Kind.INTEGER:
        return Term(f"(CAST(0 AS BIGINT) - {term.sql})", INTEGER, may_fail=True)
    if term.kind is Kind.DOUBLE:
        return replace(term, sql=f"(-{term.sql})", is_nullable=True, is_literal=False)
    return _of_same_type(term, f"(-{as_exact(term)})")


def absolute(term: Term) -> Term:
    if term.is_null:
        return term
    if not is_number(term):
        raise Misfit(f"abs takes a number, not {called(term)}")
    if term.kind is Kind.INTEGER:
        return Term(f"abs({term.sql})", INTEGER, may_fail=True)
    if term.kind is Kind.DOUBLE:
        return Term(f"abs({term.sql})", DOUBLE, may_fail=term.may_fail, doubles=term.doubles)
    return _of_same_type(term, f"abs({as_exact(term)})")


def same_exact(term: Term) -> Term:
    """A number that rounding leaves as it is: what is computed of a NUMERIC looks the same whatever rows are beside it."""
    return term if term.kind is not Kind.NUMERIC else _of_same_type(term, as_exact(term))


def _of_same_type(term: Term, sql: str) -> Term:
    of = exact_type(term)
    return as_numeric_if(Term(cast(sql, of), of, may_fail=term.may_fail), term)


def rounded(term: Term, digits: int) -> Term:
    """Halves go away from zero in exact numbers, and to the even neighbour in doubles."""
    if term.is_null:
        return term
    if not is_number(term):
        raise Misfit(f"round takes a number, not {called(term)}")
    if term.kind is Kind.DOUBLE:
        sql = _rounded_double(term.sql, digits)
        return Term(sql, DOUBLE, may_fail=True, doubles=term.doubles, is_unchecked=True)
    if term.kind is Kind.INTEGER:
        return term if digits >= 0 else _rounded_integer(term, digits)
    return _rounded_decimal(term, digits)


def _rounded_double(sql: str, digits: int) -> str:
    """`format` rounds the exact value of the double, so that 1.115 (which is less) gives 1.11."""
    if digits > 0:
        return cast(f"format('{{:.{digits}f}}', {sql})", DOUBLE)
    power = cast(quoted(f"1e{-digits}"), DOUBLE)
    return f"round_even({sql}, 0)" if digits == 0 else f"(round_even({sql} / {power}, 0) * {power})"


def _rounded_integer(term: Term, digits: int) -> Term:
    sql = f"round({as_exact(term, decimal(INTEGER_DIGITS, 0))}, {digits})"
    return Term(cast(sql, INTEGER), INTEGER, may_fail=True)


def _rounded_decimal(term: Term, digits: int) -> Term:
    precision, scale = _digits(exact_type(term))
    if digits >= scale:
        return same_exact(term)
    kept = max(digits, 0)
    of = decimal(min(precision - scale + kept + 1, MAX_DIGITS), kept)
    sql = as_exact(term) if digits >= 0 else f"round({as_exact(term)}, {digits})"
    return as_numeric_if(Term(cast(sql, of), of, may_fail=True), term)


def whole(term: Term) -> Term:
    """int(x) of a number: what stands before the point."""
    if term.kind is Kind.INTEGER:
        return term
    number = term.sql if term.kind is Kind.DOUBLE else as_exact(term)
    return Term(cast(f"trunc({number})", INTEGER), INTEGER, may_fail=True)


def floating(term: Term) -> Term:
    """float(x) of a number."""
    if term.kind is Kind.DOUBLE:
        return term
    return Term(as_double(term), DOUBLE, may_fail=term.may_fail)
