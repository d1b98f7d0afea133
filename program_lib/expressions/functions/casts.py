"""Functions that make a value of another type."""

from __future__ import annotations

from collections.abc import Sequence

from program_lib.expressions import texts
from program_lib.expressions.functions.dates import READ_FORM, parsed, tried
from program_lib.expressions.functions.function import (
    A_TEXT,
    ANY_X,
    WHOLE,
    Argument,
    Compile,
    Function,
    Takes,
    whole_between,
    whole_literal_of,
)
from program_lib.expressions.quoting import case, cast, fail, let, quoted, type_name
from program_lib.expressions.terms import NUMBERS, Misfit, Term, as_exact
from program_lib.types import (
    BOOLEAN,
    DATE,
    MAX_DIGITS,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Kind,
    Type,
    decimal,
)

TRUE = ("true", "t", "yes", "y", "on", "1")
FALSE = ("false", "f", "no", "n", "off", "0")
_NUMBER_OR_TEXT = Takes("text or a number", NUMBERS | {Kind.TEXT}, TEXT)
_FOR_INT = Takes("text or a number", NUMBERS | {Kind.TEXT, Kind.BOOLEAN}, TEXT)
_FOR_BOOL = Takes(
    "text or a whole number", frozenset({Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN}), TEXT
)
_PRECISION = Argument("digits", WHOLE, literal=whole_between(1, MAX_DIGITS))
_MANTISSA = r"([0-9]*)\.?([0-9]*)[eE]"
MAX_EXPONENT = 400  # more than doubles have, and few zeros to write
_SCALE = Argument("after_point", WHOLE, literal=whole_between(0, MAX_DIGITS))


def _decimal(is_tried: bool) -> Compile:
    """decimal(x, digits, after_point): rounded, halves away from zero; of a double what str(x) shows of it."""

    def compiled(terms: Sequence[Term]) -> Term:
        to = _decimal_type(terms)
        if terms[0].kind in NUMBERS - {Kind.DOUBLE, Kind.NUMERIC}:
            return Term(cast(as_exact(terms[0]), to), to, may_fail=True)
        text = texts.text_of(terms[0]).sql
        has_exponents = terms[0].kind is Kind.TEXT  # and str(x) of a number has none
        found = let(lambda text: _decimal_of_text(text, to, is_tried, has_exponents), text)
        return Term(found, to, may_fail=not is_tried or terms[0].may_fail)

    return compiled


def _decimal_type(terms: Sequence[Term]) -> Type:
    digits, after = (whole_literal_of(term) for term in terms[1:])
    if after > digits:
        raise Misfit(f"decimal({digits},{after}) has more digits after the point than in all")
    return decimal(digits, after)


def _decimal_of_text(text: str, to: Type, is_tried: bool, has_exponents: bool) -> str:
    is_one = f"regexp_full_match({text}, {quoted(texts.FLOATING)})"
    digits = _without_exponent(text) if has_exponents else text
    if is_tried:
        found = f"TRY_CAST({digits} AS {type_name(to)})"
        return case((is_one, found), otherwise=cast("NULL", to))
    failed = fail("this is not a number: ", to, text)
    return case((f"{text} IS NULL OR {is_one}", cast(digits, to)), otherwise=failed)


def _without_exponent(text: str) -> str:
    """1234567.5e-6 as 1.2345675: DuckDB finds no room for the digits before the point as they are written.

    A text with an exponent beyond MAX_EXPONENT is left to DuckDB.
    """
    sign = case((f"contains(split_part(lower({text}), 'e', 1), '-')", "'-'"), otherwise="''")
    whole, after = (f"regexp_extract({text}, '{_MANTISSA}', {group})" for group in (1, 2))
    exponent = f"TRY_CAST(regexp_extract({text}, '[eE](.*?) *$', 1) AS INTEGER)"

    def plain(sign: str, whole: str, after: str, exponent: str) -> str:
        digits, point = f"{whole} || {after}", f"(length({whole}) + {exponent})"
        zeros = f"repeat('0', -{point})"
        more = f"repeat('0', {point} - length({digits}))"
        return case(
            (f"coalesce(abs({exponent}) > {MAX_EXPONENT}, TRUE)", text),
            (f"{point} <= 0", f"{sign} || '0.' || {zeros} || {digits}"),
            otherwise=f"{sign} || left({digits}, {point}) || {more} || '.' || substring({digits}, {point} + 1)",
        )

    written = let(plain, sign, whole, after, exponent)
    return case((f"regexp_matches({text}, '[eE]')", written), otherwise=text)


def _bool(is_tried: bool) -> Compile:
    def body(text: str) -> str:
        word = f"lower(trim({text}, ' '))"
        failed = fail("this is neither true nor false: ", BOOLEAN, text)
        unknown = cast("NULL", BOOLEAN)
        return case(
            (f"{text} IS NULL", unknown),
            (f"{word} IN ({', '.join(map(quoted, TRUE))})", "TRUE"),
            (f"{word} IN ({', '.join(map(quoted, FALSE))})", "FALSE"),
            otherwise=unknown if is_tried else failed,
        )

    def compiled(terms: Sequence[Term]) -> Term:
        [term] = terms
        if term.kind is Kind.BOOLEAN:
            return term
        if term.kind is Kind.INTEGER:
            return Term(f"({term.sql} <> 0)", BOOLEAN, may_fail=term.may_fail)
        return Term(let(body, term.sql), BOOLEAN, may_fail=not is_tried or term.may_fail)

    return compiled


FUNCTIONS = (
    Function("str", (ANY_X,), "text", "The text form of its type: true, 0.00001, 2026-01-31 12:00:00.5.", "str(1.50)", "'1.50'", lambda terms: texts.text_of(terms[0]), also=("text", "string", "tostring", "varchar")),
    Function("int", (Argument("x", _FOR_INT),), "integer", "A whole number: of a number what stands before the point, of a text plain digits with a sign; others fail.", "int('42')", "42", lambda terms: texts.whole_number(terms[0]), also=("integer", "to_int", "tonumber", "bigint")),
    Function("float", (Argument("x", _NUMBER_OR_TEXT),), "double", "The nearest floating-point number; of a text digits, a point, an exponent, NaN, Infinity; others fail.", "float('1e3')", "1000", lambda terms: texts.floating_number(terms[0]), also=("double", "to_number", "to_double", "real")),
    Function("decimal", (Argument("x", _NUMBER_OR_TEXT), _PRECISION, _SCALE), "decimal(digits,after_point)", "An exact number of so many digits, rounded with halves away from zero; of a double the digits that str(x) shows. What does not fit fails.", "decimal('2.675', 10, 2)", "2.68", _decimal(is_tried=False), also=("numeric", "to_decimal", "money")),
    Function("bool", (Argument("x", _FOR_BOOL),), "boolean", "True for true, t, yes, y, on, 1 in any case, False for false, f, no, n, off, 0; other texts fail. Of a whole number: whether it is not 0.", "bool('Yes')", "True", _bool(is_tried=False), also=("boolean", "to_bool", "to_boolean")),
    Function("try_int", (A_TEXT,), "integer", "int(text), and NULL where that would fail.", "try_int('12x')", "None", lambda terms: texts.tried_whole(terms[0]), also=("safe_int",)),
    Function("try_float", (A_TEXT,), "double", "float(text), and NULL where that would fail.", "try_float('1,5')", "None", lambda terms: texts.tried_floating(terms[0]), also=("try_double",)),
    Function("try_decimal", (A_TEXT, _PRECISION, _SCALE), "decimal(digits,after_point)", "decimal(text, …), and NULL where that would fail.", "try_decimal('12345', 4, 2)", "None", _decimal(is_tried=True), also=("try_numeric",)),
    Function("try_bool", (A_TEXT,), "boolean", "bool(text), and NULL where that would fail.", "try_bool('maybe')", "None", _bool(is_tried=True)),
    Function("try_date", (A_TEXT,), "date", "date(text), and NULL where that would fail.", "try_date('2026-02-30')", "None", tried(DATE)),
    Function("try_time", (A_TEXT,), "time", "time(text), and NULL where that would fail.", "try_time('24:30')", "None", tried(TIME)),
    Function("try_timestamp", (A_TEXT,), "timestamp", "timestamp(text), and NULL where that would fail.", "try_timestamp('yesterday')", "None", tried(TIMESTAMP)),
    Function("try_instant", (A_TEXT,), "timestamptz", "instant(text), and NULL where that would fail.", "try_instant('2026-01-31')", "None", tried(TIMESTAMPTZ)),
    Function("try_parse_date", (A_TEXT, READ_FORM), "date", "parse_date(text, format), and NULL where that would fail.", "try_parse_date('31.02.2026', '%d.%m.%Y')", "None", parsed(DATE, is_tried=True), also=("try_strptime",)),
    Function("try_parse_timestamp", (A_TEXT, READ_FORM), "timestamp", "parse_timestamp(text, format), and NULL where that would fail.", "try_parse_timestamp('31.01.2026', '%d.%m.%Y %H:%M')", "None", parsed(TIMESTAMP, is_tried=True)),
)  # fmt: skip
