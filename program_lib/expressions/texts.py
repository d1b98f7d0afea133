"""What can be done with texts, and how values become texts and back."""

from __future__ import annotations

from decimal import Decimal

from program_lib.expressions.arithmetic import floating, whole
from program_lib.expressions.moments import in_utc
from program_lib.expressions.quoting import MAX_REPEATED, case, cast, fail, let, quoted
from program_lib.expressions.terms import (
    Misfit,
    Term,
    any_fails,
    as_numeric,
    called,
    decimal_text,
    exact_type,
    is_number,
)
from program_lib.types import AS_TEXT, BOOLEAN, DOUBLE, INTEGER, TEXT, Kind, Type

# Characters that `replace` may give: used on its own result, it would multiply them
MAX_REPLACED = 10_000_000
# What strip(text) takes away: all that is a space, a tab or a break of line in Unicode
SPACES = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
# From 0: the last character that DuckDB's substring knows; no field is as long
MAX_PLACE = 4_294_967_294
WHOLE_FORM = " *[+-]?[0-9]+ *"
FLOATING = r" *[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *"
_NOT_FINITE = " *(?:NaN|-?Infinity) *"  # as we write them


def _text(sql: str, *terms: Term, may_fail: bool = False) -> Term:
    return Term(sql, TEXT, may_fail=may_fail or any_fails(terms))


def need_text(term: Term, what: str) -> Term:
    """The term, if it is a text or None. Raises Misfit."""
    if term.is_null:
        return Term(cast("NULL", TEXT), TEXT)
    if term.kind is not Kind.TEXT:
        raise Misfit(f"{what} takes text, not {called(term)}: write str(x)")
    return term


def joined(left: Term, right: Term) -> Term:
    left, right = (Term(cast("NULL", TEXT), TEXT) if t.is_null else t for t in (left, right))
    return _text(f"({left.sql} || {right.sql})", left, right)


def length(term: Term) -> Term:
    if term.kind is Kind.BYTES:
        return Term(f"octet_length({term.sql})", INTEGER, may_fail=term.may_fail)
    text = need_text(term, "len")
    return Term(f"length({text.sql})", INTEGER, may_fail=term.may_fail)


def upper(term: Term) -> Term:
    return _text(f"upper({need_text(term, 'upper').sql})", term)


def lower(term: Term) -> Term:
    return _text(f"lower({need_text(term, 'lower').sql})", term)


def stripped(term: Term) -> Term:
    return _text(f"trim({need_text(term, 'strip').sql}, {quoted(SPACES)})", term)


def replaced(text: Term, old: Term, new: Term) -> Term:
    text, old, new = (need_text(term, "replace") for term in (text, old, new))
    if (
        isinstance(old.value, str)
        and isinstance(new.value, str)
        and len(new.value) <= len(old.value)
    ):
        return _text(f"replace({text.sql}, {old.sql}, {new.sql})", text)
    failed = fail("the text would become too long", TEXT)

    def body(whole_text: str, gone: str, put: str) -> str:
        size = f"(length({whole_text}) + 1) * (length({put}) + 1)"
        result = f"replace({whole_text}, {gone}, {put})"
        return case((f"{size} > {MAX_REPLACED}", failed), otherwise=result)

    return _text(let(body, text.sql, old.sql, new.sql), may_fail=True)


def starts_with(text: Term, start: Term) -> Term:
    return _asked("starts_with", text, start)


def ends_with(text: Term, end: Term) -> Term:
    return _asked("ends_with", text, end)


def contains(text: Term, part: Term) -> Term:
    """part in text."""
    return _asked("contains", text, part)


def _asked(function: str, text: Term, part: Term) -> Term:
    what = "in" if function == "contains" else function
    text, part = need_text(text, what), need_text(part, what)
    sql = f"{function}({text.sql}, {part.sql})"
    return Term(sql, BOOLEAN, may_fail=any_fails([text, part]))


# ------------------------------------------------ parts of a text


def character(text: Term, at: Term) -> Term:
    """text[place], counted from 0, or from the end if it is negative; a place that is not there fails."""
    text = need_text(text, "[…]")
    return _text(let(_character, text.sql, place(at)), may_fail=True)


def _character(text: str, at: str) -> str:
    said = f"{at} || ' in ' || {text}"
    failed = fail("there is no character ", TEXT, f"({said})")
    first = case((f"{at} < 0", f"{at} + length({text})"), otherwise=at)
    return case(
        (f"{at} >= length({text}) OR {at} < -length({text})", failed),
        otherwise=f"substring({text}, {first} + 1, 1)",
    )


def part(text: Term, start: Term | None, end: Term | None) -> Term:
    """text[start:end] as Python means it: negative ones count from the end, and none has to be there."""
    text = need_text(text, "[…]")
    if start is None and end is None:
        return text
    known_start, known_end = _known(start), _known(end)
    if known_start is not None and known_end is not None:
        sql = _known_part(text.sql, known_start, known_end, end is not None)
        if sql is not None:
            return _text(sql, text)
    places = ["0" if at is None else place(at) for at in (start, end)]
    body = _from if end is None else _between
    return _text(let(body, text.sql, *places), may_fail=True)


def _known(place: Term | None) -> int | None:
    """A place that stands there; 0 where none stands; None where it is computed."""
    if place is None:
        return 0
    if place.is_literal and place.kind is Kind.INTEGER and isinstance(place.value, Decimal):
        return max(min(int(place.value), MAX_PLACE), -MAX_PLACE)
    return None


def _known_part(text: str, start: int, end: int, has_end: bool) -> str | None:
    if start < 0:
        if has_end and end >= 0:
            return None
        text = f"right({text}, {-start})"
        return f"left({text}, {end})" if has_end else text
    if has_end:
        text = f"left({text}, {end})"
    return f"substring({text}, {start + 1})" if start else text


def _from(text: str, start: str, _: str) -> str:
    return f"substring({text}, {_from_start(text, start)} + 1)"


def _between(text: str, start: str, end: str) -> str:
    low, high = _from_start(text, start), _from_start(text, end)
    size = case((f"{high} > {low}", f"{high} - {low}"), otherwise=f"0 * ({high} + {low})")
    return f"substring({text}, {low} + 1, {size})"


def place(term: Term) -> str:
    """The place, so far from 0 as DuckDB takes it."""
    if term.is_null:
        return cast("NULL", INTEGER)
    if term.kind is not Kind.INTEGER:
        raise Misfit(f"a place in a text is a whole number, not {called(term)}")
    return let(_in_range, term.sql)


def _in_range(place: str) -> str:
    return case(
        (f"{place} > {MAX_PLACE}", str(MAX_PLACE)),
        (f"{place} < -{MAX_PLACE}", str(-MAX_PLACE)),
        otherwise=place,
    )


def _from_start(text: str, place: str) -> str:
    return case((f"{place} < 0", f"greatest(length({text}) + {place}, 0)"), otherwise=place)


# ------------------------------------------------ values as texts


def text_of(term: Term) -> Term:
    """str(x): NULL stays NULL."""
    if term.is_null or term.kind is Kind.TEXT:
        return need_text(term, "str")
    return _text(_AS_TEXT_SQL.get(term.kind, _cast_text)(term), term)


def _cast_text(term: Term) -> str:
    return cast(term.sql, TEXT)


def _carried_text(term: Term) -> str:
    return as_numeric(term) if term.kind is Kind.NUMERIC else term.sql


def _decimal_text(term: Term) -> str:
    return decimal_text(term.sql, exact_type(term))


def _instant_text(term: Term) -> str:
    return f"({cast(in_utc(term.sql), TEXT)} || '+00')"


def _bytes_text(term: Term) -> str:
    return rf"('\x' || lower(hex({term.sql})))"


def _double_text(term: Term) -> str:
    """The shortest digits that give the same number, without an exponent: 0.00001, 10000000000000000, NaN."""
    number = (
        cast(term.sql, Type(Kind.DOUBLE)) if term.type.bits == 64 else f"CAST({term.sql} AS FLOAT)"
    )
    return let(_plain_digits, cast(number, TEXT))


def _plain_digits(written: str) -> str:
    exponent = f"CAST(regexp_extract({written}, 'e(.*)$', 1) AS INTEGER)"
    digits = f"replace(regexp_extract({written}, '^-?([0-9.]+)e', 1), '.', '')"
    sign = case((f"starts_with({written}, '-')", "'-'"), otherwise="''")
    small = f"{sign} || '0.' || repeat('0', -{exponent} - 1) || {digits}"
    large = f"{sign} || rpad({digits}, {exponent} + 1, '0')"
    return case(
        (f"{written} IN ('nan', '-nan')", "'NaN'"),
        (f"{written} = 'inf'", "'Infinity'"),
        (f"{written} = '-inf'", "'-Infinity'"),
        (f"contains({written}, 'e-')", small),
        (f"contains({written}, 'e')", large),
        otherwise=rf"regexp_replace({written}, '\.0$', '')",
    )


_AS_TEXT_SQL = {
    Kind.DECIMAL: _decimal_text,
    Kind.DOUBLE: _double_text,
    Kind.TIMESTAMPTZ: _instant_text,
    Kind.BYTES: _bytes_text,
    **dict.fromkeys(AS_TEXT, _carried_text),
}


# ------------------------------------------------ texts as numbers


def whole_number(term: Term) -> Term:
    """int(x): of a number what stands before the point, of a text the whole number that it is."""
    if term.is_null or is_number(term):
        return Term(cast("NULL", INTEGER), INTEGER) if term.is_null else whole(term)
    if term.kind is Kind.BOOLEAN:
        return Term(cast(term.sql, INTEGER), INTEGER, may_fail=term.may_fail)
    if term.kind is not Kind.TEXT:
        raise Misfit(f"int takes text or a number, not {called(term)}")
    return Term(let(_whole_of_text, term.sql), INTEGER, may_fail=True)


def _whole_of_text(text: str) -> str:
    failed = fail("this is not a whole number: ", INTEGER, text)
    is_one = f"{text} IS NULL OR regexp_full_match({text}, {quoted(WHOLE_FORM)})"
    return case((is_one, cast(text, INTEGER)), otherwise=failed)


def tried_whole(term: Term) -> Term:
    """int(text); NULL where the text is no whole number of 64 bits."""

    def body(text: str) -> str:
        found = f"TRY_CAST({text} AS BIGINT)"
        is_one = f"regexp_full_match({text}, {quoted(WHOLE_FORM)})"
        return case((is_one, found), otherwise=cast("NULL", INTEGER))

    return Term(let(body, term.sql), INTEGER, may_fail=term.may_fail)


def tried_floating(term: Term) -> Term:
    """float(text); NULL where the text is no number, or beyond what a double holds."""

    def body(text: str) -> str:
        number, unknown = f"TRY_CAST({text} AS DOUBLE)", cast("NULL", DOUBLE)
        is_something = f"regexp_matches({text}, '^[^eE]*[1-9]')"
        return case(
            (f"regexp_full_match({text}, {quoted(_NOT_FINITE)})", number),
            (f"NOT regexp_full_match({text}, {quoted(FLOATING)})", unknown),
            (f"isinf({number}) OR ({number} = 0 AND {is_something})", unknown),
            otherwise=number,
        )

    return Term(let(body, term.sql), DOUBLE, may_fail=term.may_fail)


def floating_number(term: Term) -> Term:
    """float(x): of a text the number that it is; NaN and Infinity only as they are written here."""
    if term.is_null or is_number(term):
        return Term(cast("NULL", DOUBLE), DOUBLE) if term.is_null else floating(term)
    if term.kind is not Kind.TEXT:
        raise Misfit(f"float takes text or a number, not {called(term)}")
    # "Infinity" is one that the text says, and no overflow
    said = (f"TRY_CAST({term.sql} AS DOUBLE)",) if len(term.sql) <= MAX_REPEATED else ()
    return Term(let(_floating_of_text, term.sql), DOUBLE, may_fail=True, doubles=said)


def _floating_of_text(text: str) -> str:
    failed = fail("this is not a number: ", DOUBLE, text)
    beyond = fail("this is beyond what a floating-point number can hold: ", DOUBLE, text)
    number = cast(text, DOUBLE)
    is_something = f"regexp_matches({text}, '^[^eE]*[1-9]')"
    return case(
        (f"{text} IS NULL OR regexp_full_match({text}, {quoted(_NOT_FINITE)})", number),
        (f"NOT regexp_full_match({text}, {quoted(FLOATING)})", failed),
        (f"isinf({number}) OR ({number} = 0 AND {is_something})", beyond),
        otherwise=number,
    )
