"""Days and times: what a text of one looks like, and what can be computed with them."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Collection
from datetime import UTC, date, datetime, time

from program_lib.expressions.quoting import case, cast, fail, let, quoted, type_name
from program_lib.expressions.terms import Misfit, Term, called
from program_lib.types import (
    DATE,
    INTEGER,
    INTERVAL,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Kind,
    Type,
)

# What to write where a text stands beside one of these
MOMENTS = {
    Kind.DATE: "date(text)",
    Kind.TIME: "time(text)",
    Kind.TIMESTAMP: "timestamp(text)",
    Kind.TIMESTAMPTZ: "instant(text)",
}
_YEAR = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_DAY = _YEAR + "-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6}0*)?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"
FORMS = {
    Kind.DATE: _DAY,
    Kind.TIME: _CLOCK,
    Kind.TIMESTAMP: f"{_DAY}(?:[ T]{_CLOCK})?",
    Kind.TIMESTAMPTZ: f"{_DAY}[ T]{_CLOCK} ?{_ZONE}",
}
EXAMPLES = {
    Kind.DATE: "a date, as '2026-01-31'",
    Kind.TIME: "a time, as '12:30:00'",
    Kind.TIMESTAMP: "a timestamp without a zone, as '2026-01-31 12:30:00'",
    Kind.TIMESTAMPTZ: "an instant with its zone, as '2026-01-31 12:30:00+00:00'",
    Kind.UUID: "a uuid, as '0b5c2e1c-6b1f-4e0e-9c3a-1f2d3c4b5a69'",
}
_YEARS = {
    Kind.DATE: ("0001-01-01", "9999-12-31"),
    Kind.TIMESTAMP: ("0001-01-01", "9999-12-31 23:59:59.999999"),
}
_DAY_MICROSECONDS = 86_400_000_000


def literal_moment(text: str, kind: Kind) -> Term:
    """The date, time, instant or uuid that a literal text is. Raises Misfit if it is none."""
    try:
        value, of = _READ[kind](text.strip(" "))
    except ValueError:
        raise Misfit(f"{text[:60]!r} is not {EXAMPLES[kind]}") from None
    return Term(cast(quoted(value), of), of, is_nullable=False)


def any_moment(text: str, kinds: Collection[Kind]) -> Term | None:
    """The date, time or instant that a literal text is, where it is one of these kinds."""
    for kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        if kind in kinds:
            with contextlib.suppress(Misfit):
                return literal_moment(text, kind)
    return None


def _read(kind: Kind, text: str) -> str:
    if not re.fullmatch(FORMS[kind], text, re.ASCII):
        raise ValueError(text)
    return text


def _read_date(text: str) -> tuple[str, Type]:
    return date.fromisoformat(_read(Kind.DATE, text)).isoformat(), DATE


def _read_time(text: str) -> tuple[str, Type]:
    return time.fromisoformat(_read(Kind.TIME, text)).isoformat(), TIME


def _read_timestamp(text: str) -> tuple[str, Type]:
    return datetime.fromisoformat(_read(Kind.TIMESTAMP, text)).isoformat(" "), TIMESTAMP


def _read_instant(text: str) -> tuple[str, Type]:
    found = datetime.fromisoformat(
        _read(Kind.TIMESTAMPTZ, text).replace(" ", "T", 1).replace(" ", "")
    )
    try:
        instant = found.astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None
    return instant.isoformat(" "), TIMESTAMPTZ


def _read_uuid(text: str) -> tuple[str, Type]:
    if not re.fullmatch("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", text.lower()):
        raise ValueError(text)
    return str(uuid.UUID(text)), UUID


_READ = {
    Kind.DATE: _read_date,
    Kind.TIME: _read_time,
    Kind.TIMESTAMP: _read_timestamp,
    Kind.TIMESTAMPTZ: _read_instant,
    Kind.UUID: _read_uuid,
}


# ------------------------------------------------ functions


def moment(term: Term, to: Type) -> Term:
    """date(x), time(x), timestamp(x). Raises Misfit."""
    if term.is_null or term.kind is to.kind:
        return term
    if term.is_literal_text:
        assert isinstance(term.value, str)
        return literal_moment(term.value, to.kind)
    if term.kind is Kind.TEXT:
        return _of_text(term, to)
    if term.kind is Kind.TIMESTAMPTZ:
        return Term(cast(in_utc(term.sql), to), to, may_fail=True)
    if {term.kind, to.kind} <= {Kind.DATE, Kind.TIMESTAMP} or (term.kind, to.kind) == (
        Kind.TIMESTAMP,
        Kind.TIME,
    ):
        return Term(cast(term.sql, to), to, may_fail=True)
    raise Misfit(f"{to.kind}(x) takes text, a date or a timestamp, not {called(term)}")


def tried_moment(term: Term, to: Type) -> Term:
    """The date, time, timestamp or instant that a text is; NULL where it is none."""

    def body(text: str) -> str:
        form = quoted(f" *{FORMS[to.kind]} *")
        found = f"TRY_CAST(trim({text}, ' ') AS {type_name(to)})"
        return case((f"regexp_full_match({text}, {form})", found), otherwise=cast("NULL", to))

    return Term(let(body, term.sql), to, may_fail=term.may_fail)


def _of_text(term: Term, to: Type) -> Term:
    def body(text: str) -> str:
        failed = fail(f"this is not {EXAMPLES[to.kind]}: ", to, text)
        form = quoted(f" *{FORMS[to.kind]} *")
        plain = cast(f"trim({text}, ' ')", to)
        is_one = f"{text} IS NULL OR regexp_full_match({text}, {form})"
        return case((is_one, plain), otherwise=failed)

    return Term(let(body, term.sql), to, may_fail=True)


def in_utc(sql: str) -> str:
    """A timestamp without zone of an instant, whatever zone the connection has."""
    return f"make_timestamp(epoch_us({sql}))"


# ------------------------------------------------ computing


def added(left: Term, right: Term) -> Term | None:
    """date + days; None if this is no sum of a moment."""
    if left.kind is Kind.DATE and right.kind is Kind.INTEGER:
        return _days_later(left, "+", right)
    if left.kind is Kind.INTEGER and right.kind is Kind.DATE:
        return _days_later(right, "+", left)
    return None


def subtracted(left: Term, right: Term) -> Term | None:
    """date - date, date - days, timestamp - timestamp; None if this is no difference of moments."""
    kinds = (left.kind, right.kind)
    if kinds == (Kind.DATE, Kind.INTEGER):
        return _days_later(left, "-", right)
    if kinds == (Kind.DATE, Kind.DATE):
        return Term(cast(f"({left.sql} - {right.sql})", INTEGER), INTEGER, may_fail=True)
    if set(kinds) <= {Kind.DATE, Kind.TIMESTAMP} or kinds == (Kind.TIMESTAMPTZ, Kind.TIMESTAMPTZ):
        return _difference(left, right)
    return None


def _days_later(day: Term, sign: str, days: Term) -> Term:
    sql = f"({day.sql} {sign} CAST({days.sql} AS INTEGER))"
    return in_years(sql, DATE)


def in_years(sql: str, of: Type) -> Term:
    """Refuses a day that no file and no Python program could hold."""
    plain = DATE if of.kind is Kind.DATE else TIMESTAMP
    first, last = (cast(quoted(day), plain) for day in _YEARS[plain.kind])

    def body(day: str) -> str:
        failed = fail("a date has years 1 to 9999; out of range is ", plain, day)
        return case((f"{day} < {first} OR {day} > {last}", failed), otherwise=day)

    found = let(body, sql)
    return Term(of_utc(found) if of.kind is Kind.TIMESTAMPTZ else found, of, may_fail=True)


def of_utc(sql: str) -> str:
    """The instant of a timestamp in UTC, whatever zone the connection has."""
    return f"timezone('UTC', {sql})"


def _difference(left: Term, right: Term) -> Term:
    """An interval of days and hours, as PostgreSQL prints it: 30 days 12:00:00."""
    above, below = (_microseconds(term) for term in (left, right))
    return Term(let(_interval, f"({above} - {below})"), INTERVAL, may_fail=True)


def _microseconds(term: Term) -> str:
    return f"epoch_us({cast(term.sql, TIMESTAMP) if term.kind is Kind.DATE else term.sql})"


def _interval(difference: str) -> str:
    days = f"({difference} // {_DAY_MICROSECONDS})"
    rest = f"({difference} % {_DAY_MICROSECONDS})"
    clock = f"CAST(make_time(0, 0, 0) + to_microseconds(abs({rest})) AS VARCHAR)"
    shown_days = f"{days} || {case((f'{days} = 1', quoted(' day')), otherwise=quoted(' days'))}"
    shown_clock = f"{case((f'{rest} < 0', quoted('-')), otherwise=quoted(''))} || {clock}"
    return case(
        (f"{days} = 0", shown_clock),
        (f"{rest} = 0", shown_days),
        otherwise=f"{shown_days} || ' ' || {shown_clock}",
    )
