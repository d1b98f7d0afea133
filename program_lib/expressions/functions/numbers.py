"""Functions of numbers."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from program_lib.expressions import arithmetic, common
from program_lib.expressions.functions.function import (
    AN_X,
    NUMBER,
    WHOLE,
    Argument,
    Compile,
    Function,
    guarded,
    plain,
    whole_between,
    whole_literal_of,
)
from program_lib.expressions.quoting import case, cast
from program_lib.expressions.terms import (
    Misfit,
    Term,
    any_fails,
    as_double,
    as_exact,
    common_exact,
    exact_type,
    numeric,
)
from program_lib.types import BOOLEAN, DOUBLE, INTEGER, MAX_DIGITS, Kind, decimal

MAX_ROUND_DIGITS = 20  # more than any number of 64 bits has
_A, _B = Argument("a", WHOLE), Argument("b", WHOLE)
_Y = Argument("y", NUMBER)


def _rounded(terms: Sequence[Term]) -> Term:
    return arithmetic.rounded(terms[0], whole_literal_of(terms[1]) if len(terms) == 2 else 0)


def _to_whole(function: str) -> Compile:
    """floor, ceil or trunc: a number without digits after the point, of the kind that it was."""

    def compiled(terms: Sequence[Term]) -> Term:
        [term] = terms
        if term.kind is Kind.DOUBLE:
            sql = f"{function}({term.sql})"
            return Term(sql, DOUBLE, may_fail=term.may_fail, doubles=term.doubles)
        of = exact_type(term)
        if term.kind is Kind.INTEGER or not of.scale:
            return arithmetic.same_exact(term)
        whole = decimal(min((of.precision or 0) - of.scale + 1, MAX_DIGITS), 0)
        found = Term(cast(f"{function}({as_exact(term)})", whole), whole, may_fail=term.may_fail)
        return arithmetic.as_numeric_if(found, term)

    return compiled


def _sign(terms: Sequence[Term]) -> Term:
    [term] = terms
    if term.kind is not Kind.DOUBLE:
        sql = cast(f"sign({as_exact(term)})", INTEGER)
        return Term(sql, INTEGER, may_fail=term.may_fail)
    return Term(cast(f"sign({term.sql})", DOUBLE), DOUBLE, may_fail=term.may_fail)


def _floating(function: str, is_wrong: str, message: str) -> Compile:
    """A function of doubles that fails, as PostgreSQL's does, where it has no value: {0} stands for the number."""

    def compiled(terms: Sequence[Term]) -> Term:
        return guarded(
            DOUBLE,
            message,
            lambda value: is_wrong.format(value),
            lambda value: f"{function}({value})",
            as_double(terms[0]),
            shown=0,
        )

    return compiled


def _exp(terms: Sequence[Term]) -> Term:
    [term] = terms
    sql = f"exp({as_double(term)})"
    return Term(sql, DOUBLE, may_fail=True, doubles=term.doubles, is_unchecked=True)


def _atan2(terms: Sequence[Term]) -> Term:
    sql = f"atan2({as_double(terms[0])}, {as_double(terms[1])})"
    return Term(sql, DOUBLE, may_fail=any_fails(terms))


def _turned(function: str) -> Compile:
    def compiled(terms: Sequence[Term]) -> Term:
        [term] = terms
        sql = f"{function}({as_double(term)})"
        return Term(sql, DOUBLE, may_fail=True, doubles=term.doubles, is_unchecked=True)

    return compiled


def _computed(operator: ast.operator) -> Compile:
    return lambda terms: arithmetic.compute(operator, terms[0], terms[1])


def _of_numbers(values: Sequence[Term], sql: str) -> Term:
    """What is computed of these numbers in their common type."""
    sided = common.side_by_side(values, is_equality=False)[0].type
    if any(value.kind is Kind.NUMERIC for value in values) and sided.kind is not Kind.DOUBLE:
        return numeric(sql, sided)
    # a bound may have no room in a column of fewer bits
    return Term(sql, INTEGER if sided.kind is Kind.INTEGER else sided, may_fail=True)


def _clamped(terms: Sequence[Term]) -> Term:
    sided = common.side_by_side(terms, is_equality=False)

    def body(value: str, low: str, high: str) -> str:
        return case((f"{value} < {low}", low), (f"{value} > {high}", high), otherwise=value)

    guard = guarded(
        sided[0].type,
        "the lower bound is above the upper one",
        lambda value, low, high: f"{low} > {high}",
        body,
        *(term.sql for term in sided),
    )
    return _of_numbers(terms, guard.sql)


def _rounded_to(terms: Sequence[Term]) -> Term:
    """The nearest multiple; halves away from zero. Exact: no quotient is rounded before."""
    number, step = terms
    if Kind.DOUBLE in (number.kind, step.kind):
        raise Misfit("round_to takes exact numbers, not double: write decimal(x, 18, 6)")
    common_type = common_exact([exact_type(number), exact_type(step)])
    precision, scale = common_type.precision or 0, common_type.scale or 0
    of = decimal(min(precision + 1, MAX_DIGITS), scale)

    def body(value: str, step: str) -> str:
        rest = f"({value} % {step})"
        below = f"({value} - {rest})"
        more = case((f"{value} < 0", f"-{step}"), otherwise=step)
        is_nearer = f"abs({rest}) >= {step} - abs({rest})"  # twice the rest may have no room
        nearest = case((is_nearer, f"{below} + {more}"), otherwise=below)
        return cast(nearest, of)

    found = guarded(
        of,
        "the step of round_to must be more than 0, found ",
        lambda value, step: f"{step} <= 0",
        body,
        as_exact(number, common_type),
        as_exact(step, common_type),
        shown=1,
    )
    if number.kind is step.kind is Kind.INTEGER:
        return Term(cast(found.sql, INTEGER), INTEGER, may_fail=True)
    return arithmetic.as_numeric_if(found, number, step)


def _is_nan(terms: Sequence[Term]) -> Term:
    return _asked(terms[0], "isnan({})", "{} = 'NaN'", of_exact=False)


def _is_finite(terms: Sequence[Term]) -> Term:
    return _asked(terms[0], "isfinite({})", f"{{}} NOT IN {_NO_NUMBERS}", of_exact=True)


_NO_NUMBERS = "('NaN', 'Infinity', '-Infinity')"


def _asked(term: Term, of_double: str, of_text: str, *, of_exact: bool) -> Term:
    """Whether a double, or a NUMERIC that is a text, is no number, or is one; what is computed exactly always is one."""
    if term.kind is Kind.DOUBLE:
        sql = of_double.format(term.sql)
    elif term.kind is Kind.NUMERIC and term.exact is None:
        sql = f"({of_text.format(term.sql)})"
    else:
        answer = case((f"{term.sql} IS NULL", "NULL"), otherwise=str(of_exact).upper())
        sql = cast(answer, BOOLEAN)
    return Term(sql, BOOLEAN, may_fail=term.may_fail)


def _bucket(terms: Sequence[Term]) -> Term:
    """As PostgreSQL's: 0 below the range, count + 1 from its end on. Of exact numbers exact."""
    *range_, count = terms
    if any(term.kind is Kind.DOUBLE for term in range_):
        return _bucket_by(
            _double_bucket, _no_double_range, [as_double(term) for term in range_], count
        )
    scale = max(exact_type(term).scale or 0 for term in range_)
    return _bucket_by(
        _exact_bucket,
        _no_range,
        [arithmetic.digits_as_whole(term, scale) for term in range_],
        count,
    )


def _bucket_by(
    inside: Callable[..., str], is_wrong: Callable[..., str], range_: list[str], count: Term
) -> Term:
    def body(value: str, low: str, high: str, count: str) -> str:
        return case(
            (f"{value} < {low}", "0"),
            (f"{value} >= {high}", f"{count} + 1"),
            otherwise=inside(value, low, high, count),
        )

    return guarded(
        INTEGER,
        "width_bucket takes a number, a range with low below high, and a count above 0",
        is_wrong,
        body,
        *range_,
        count.sql,
    )


def _no_range(value: str, low: str, high: str, count: str) -> str:
    return f"{low} >= {high} OR {count} <= 0"


def _no_double_range(value: str, low: str, high: str, count: str) -> str:
    finite = f"isfinite({low}) AND isfinite({high}) AND isfinite({high} - {low})"
    return f"NOT ({finite} AND {low} < {high} AND {count} > 0) OR isnan({value})"


def _double_bucket(value: str, low: str, high: str, count: str) -> str:
    share = f"floor(({value} - {low}) / ({high} - {low}) * {count})"
    return case((f"{share} >= {count}", count), otherwise=f"CAST({share} AS BIGINT) + 1")


def _exact_bucket(value: str, low: str, high: str, count: str) -> str:
    """Of whole numbers of 128 bits, in which the product of three BIGINTs' differences has room."""
    share = f"(({value} - {low}) * CAST({count} AS HUGEINT)) // ({high} - {low})"
    return f"CAST({share} AS BIGINT) + 1"


_NO_ANGLE = ("NOT isfinite({0}) AND NOT isnan({0})", "an infinite number is no angle: ")

FUNCTIONS = (
    Function("abs", (AN_X,), "as x", "The number without its sign.", "abs(-5)", "5", lambda terms: arithmetic.absolute(terms[0])),
    Function("sign", (AN_X,), "integer; of a double: double", "-1, 0 or 1; of NaN 0.", "sign(-2.5)", "-1", _sign, also=("sgn", "signum")),
    Function("round", (AN_X, Argument("digits", WHOLE, is_optional=True, literal=whole_between(-MAX_ROUND_DIGITS, MAX_ROUND_DIGITS))), "as x", "Rounded to `digits` after the point; halves away from zero, of a double to the even neighbour.", "round(2.675, 2)", "2.68", _rounded),
    Function("round_to", (AN_X, Argument("step", NUMBER)), "as x", "The nearest multiple of the step; halves away from zero. Exact numbers only.", "round_to(1.13, 0.05)", "1.15", _rounded_to, also=("mround", "nearest")),
    Function("floor", (AN_X,), "as x, without digits after the point", "The next whole number below.", "floor(-2.5)", "-3", _to_whole("floor")),
    Function("ceil", (AN_X,), "as x, without digits after the point", "The next whole number above.", "ceil(2.1)", "3", _to_whole("ceil"), also=("ceiling",)),
    Function("trunc", (AN_X,), "as x, without digits after the point", "What stands before the point.", "trunc(-2.9)", "-2", _to_whole("trunc"), also=("truncate", "fix")),
    Function("mod", (AN_X, _Y), "as x % y", "The remainder, with the sign of x; the same as `x % y`.", "mod(-7, 3)", "-1", _computed(ast.Mod()), also=("remainder", "modulo")),
    Function("power", (AN_X, _Y), "double", "The same as `x ** y`.", "power(2, 10)", "1024", _computed(ast.Pow()), also=("pow",)),
    Function("sqrt", (AN_X,), "double", "The square root; of a negative number it fails.", "sqrt(16)", "4", _floating("sqrt", "{0} < 0", "there is no square root of ")),
    Function("exp", (AN_X,), "double", "e to the power of x; too large a result fails.", "exp(0)", "1", _exp),
    Function("ln", (AN_X,), "double", "The natural logarithm; of zero and less it fails.", "ln(1)", "0", _floating("ln", "{0} <= 0", "there is no logarithm of ")),
    Function("log10", (AN_X,), "double", "The logarithm to the base 10; of zero and less it fails.", "log10(1000)", "3", _floating("log10", "{0} <= 0", "there is no logarithm of ")),
    Function("sin", (AN_X,), "double", "The sine of an angle in radians.", "sin(0)", "0", _floating("sin", *_NO_ANGLE)),
    Function("cos", (AN_X,), "double", "The cosine of an angle in radians.", "cos(0)", "1", _floating("cos", *_NO_ANGLE)),
    Function("tan", (AN_X,), "double", "The tangent of an angle in radians.", "tan(0)", "0", _floating("tan", *_NO_ANGLE)),
    Function("asin", (AN_X,), "double", "The angle in radians that has this sine; beyond -1 to 1 it fails.", "asin(0)", "0", _floating("asin", "({0} < -1 OR {0} > 1) AND NOT isnan({0})", "a sine is from -1 to 1, not ")),
    Function("acos", (AN_X,), "double", "The angle in radians that has this cosine; beyond -1 to 1 it fails.", "acos(1)", "0", _floating("acos", "({0} < -1 OR {0} > 1) AND NOT isnan({0})", "a cosine is from -1 to 1, not ")),
    Function("atan2", (Argument("y", NUMBER), Argument("x", NUMBER)), "double", "The angle in radians of the point (x, y).", "atan2(0, 1)", "0", _atan2, also=("atan",)),
    Function("degrees", (AN_X,), "double", "An angle in radians as degrees.", "degrees(0)", "0", _turned("degrees")),
    Function("radians", (AN_X,), "double", "An angle in degrees as radians.", "radians(180) == pi()", "True", _turned("radians")),
    Function("pi", (), "double", "3.141592653589793.", "pi()", "float(3.141592653589793)", plain("pi()", DOUBLE)),
    Function("clamp", (AN_X, Argument("low", NUMBER), Argument("high", NUMBER)), "the common type", "The number, or the bound that it is beyond; a lower bound above the upper one fails.", "clamp(15, 0, 10)", "10", _clamped, also=("clip",)),
    Function("width_bucket", (AN_X, Argument("low", NUMBER), Argument("high", NUMBER), Argument("count", WHOLE)), "integer", "Which of `count` equal parts of the range the number is in, from 1; 0 below the range, count + 1 from `high` on.", "width_bucket(35, 0, 100, 10)", "4", _bucket, also=("bucket", "bin", "tile")),
    Function("is_nan", (AN_X,), "boolean", "Whether a double or a numeric is NaN; other numbers never are.", "is_nan(float('NaN'))", "True", _is_nan, also=("isnan",)),
    Function("is_finite", (AN_X,), "boolean", "Whether a double or a numeric is neither NaN nor infinite; other numbers always are.", "is_finite(float('Infinity'))", "False", _is_finite, also=("isfinite",)),
    Function("bit_and", (_A, _B), "integer", "The bits that both have.", "bit_and(12, 10)", "8", plain("({0} & {1})", INTEGER), also=("bitand",)),
    Function("bit_or", (_A, _B), "integer", "The bits that one of them has, or both.", "bit_or(12, 10)", "14", plain("({0} | {1})", INTEGER), also=("bitor",)),
    Function("bit_xor", (_A, _B), "integer", "The bits that one of them has, and not both.", "bit_xor(12, 10)", "6", plain("xor({0}, {1})", INTEGER), also=("bitxor",)),
)  # fmt: skip
