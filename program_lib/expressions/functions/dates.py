"""Functions of days, times and instants. An instant is taken in UTC."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence

from program_lib.expressions.functions.formats import parsed_error, written_error
from program_lib.expressions.functions.function import (
    A_TEXT,
    CLOCKS,
    DAYS,
    MOMENT_KINDS,
    ONE_DAY,
    ONE_TIME,
    TEXTS,
    WHOLE,
    Argument,
    Compile,
    Function,
    Literal,
    Takes,
    guarded,
    one_of,
    plain,
    text_literal_of,
)
from program_lib.expressions.moments import (
    in_utc,
    in_years,
    moment,
    of_utc,
    tried_moment,
)
from program_lib.expressions.quoting import case, cast, fail, let, quoted
from program_lib.expressions.terms import Misfit, Term, any_fails, called
from program_lib.types import (
    BOOLEAN,
    DATE,
    INTEGER,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Kind,
    Type,
)

SHORT_UNITS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}  # microseconds
FIXED_UNITS = {"week": 7 * 86_400_000_000, "day": 86_400_000_000, **SHORT_UNITS}
MONTHS = {"year": 12, "quarter": 3, "month": 1}
EPOCH_UNITS = {"second": 1_000_000, "millisecond": 1_000, "microsecond": 1}
UTC = "UTC"
NO_CLOCK = "a time has hours 0 to 23, minutes and seconds 0 to 59"
FIRST_PARSED_YEAR = 1000  # a year before it is most probably one of two digits, read as four
_ZONE = re.compile("[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)
_UNIT = Argument("unit", TEXTS, literal=one_of(*MONTHS, *FIXED_UNITS))
_EPOCH_UNIT = Argument("unit", TEXTS, is_optional=True, literal=one_of(*EPOCH_UNITS))
_X = Argument("x", DAYS)
_CLOCK = Argument("x", CLOCKS)
_READ = Takes("text, a date, a timestamp or an instant", MOMENT_KINDS | {Kind.TEXT}, TEXT)
_READ_TIME = Takes(
    "text, a time, a timestamp or an instant",
    frozenset({Kind.TEXT, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}),
    TEXT,
)
_INSTANT = Takes("an instant", frozenset({Kind.TIMESTAMPTZ}), TIMESTAMPTZ, ": write instant(text)")
_TIMESTAMP = Takes("a timestamp", frozenset({Kind.TIMESTAMP}), TIMESTAMP, ": write timestamp(x)")
_ANY_MOMENT = Takes("a date, a time, a timestamp or an instant", MOMENT_KINDS | {Kind.TIME}, DATE)


def zone_error(zone: str | int) -> str | None:
    """What is wrong with the name of a time zone; one that only DuckDB does not know fails in the run."""
    if not isinstance(zone, str) or not _ZONE.fullmatch(zone) or not _is_known(zone):
        return f"must be the name of a time zone, as 'Europe/Berlin', not {zone!r:.60}"
    return None


def _is_known(zone: str) -> bool:
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zone != UTC and not _is_known(UTC)  # a machine without time zones knows none
    return True


_A_ZONE = Argument("zone", TEXTS, literal=Literal("the name of a time zone", zone_error))


def _plain(term: Term) -> str:
    """A date, a time or a timestamp; of an instant the timestamp in UTC."""
    return in_utc(term.sql) if term.kind is Kind.TIMESTAMPTZ else term.sql


def _timestamp(term: Term) -> str:
    return cast(term.sql, TIMESTAMP) if term.kind is Kind.DATE else _plain(term)


def _micros(term: Term) -> str:
    return f"epoch_us({_timestamp(term)})"


def _as(term: Term, sql: str) -> str:
    """A timestamp in UTC as the kind that the term is of."""
    if term.kind is Kind.DATE:
        return cast(sql, DATE)
    return of_utc(sql) if term.kind is Kind.TIMESTAMPTZ else sql


# ------------------------------------------------ parts


def _part(name: str) -> Compile:
    """Cast, since DuckDB gives a double for a part of NULL."""

    def compiled(terms: Sequence[Term]) -> Term:
        sql = f"date_part('{name}', {_plain(terms[0])})"
        return Term(cast(sql, INTEGER), INTEGER, may_fail=any_fails(terms))

    return compiled


def _start_of(terms: Sequence[Term]) -> Term:
    term, unit = terms[0], text_literal_of(terms[1])
    _refuse_clock(term, unit, "start_of")
    sql = _as(term, f"date_trunc('{unit}', {_timestamp(term)})")
    return Term(sql, Type(term.kind), may_fail=any_fails(terms))


def _refuse_clock(term: Term, unit: str, function: str) -> None:
    if term.kind is Kind.DATE and unit in SHORT_UNITS:
        raise Misfit(f"{function} of a date has no {unit}: write timestamp(x)")


def _end_of_month(terms: Sequence[Term]) -> Term:
    sql = f"last_day({cast(_plain(terms[0]), DATE)})"
    return Term(sql, DATE, may_fail=any_fails(terms))


def _days_in_month(terms: Sequence[Term]) -> Term:
    sql = f"date_part('day', {_end_of_month(terms).sql})"
    return Term(cast(sql, INTEGER), INTEGER, may_fail=any_fails(terms))


def _leap(terms: Sequence[Term]) -> Term:
    def body(year: str) -> str:
        return f"({year} % 4 = 0 AND ({year} % 100 <> 0 OR {year} % 400 = 0))"

    return Term(let(body, terms[0].sql), BOOLEAN, may_fail=any_fails(terms))


# ------------------------------------------------ sums and differences


def _added(terms: Sequence[Term]) -> Term:
    term, count, unit = terms[0], terms[1].sql, text_literal_of(terms[2])
    _refuse_clock(term, unit, "date_add")
    if unit in MONTHS:
        interval = f"to_months(CAST({count} * {MONTHS[unit]} AS INTEGER))"
    elif unit in SHORT_UNITS:
        interval = f"to_microseconds({count} * {SHORT_UNITS[unit]})"
    else:
        interval = f"to_days(CAST({count} * {7 if unit == 'week' else 1} AS INTEGER))"
    sql = f"({_timestamp(term)} + {interval})"
    plain = DATE if term.kind is Kind.DATE else Type(term.kind)
    return in_years(cast(sql, DATE) if plain is DATE else sql, plain)


def _between(terms: Sequence[Term]) -> Term:
    start, end, unit = terms[0], terms[1], text_literal_of(terms[2])
    kinds = {start.kind, end.kind}
    if Kind.TIMESTAMPTZ in kinds and len(kinds) == 2:
        raise Misfit(f"{called(start)} and {called(end)} do not go together: write timestamp(x)")
    return _whole_units(start, end, unit)


def _whole_units(start: Term, end: Term, unit: str) -> Term:
    may_fail = any_fails([start, end])
    if unit in FIXED_UNITS:
        sql = f"(({_micros(end)} - {_micros(start)}) // {FIXED_UNITS[unit]})"
        return Term(sql, INTEGER, may_fail=may_fail)

    def body(first: str, second: str) -> str:
        forward, back = _months(first, second), _months(second, first)
        return case((f"{second} >= {first}", forward), otherwise=f"-{back}")

    months = let(body, _timestamp(start), _timestamp(end))
    return Term(cast(f"({months}) // {MONTHS[unit]}", INTEGER), INTEGER, may_fail=may_fail)


def _months(start: str, end: str) -> str:
    """Whole months: DuckDB's own count takes the last day of a shorter month for a month that has passed."""
    years = f"(date_part('year', {end}) - date_part('year', {start})) * 12"
    months = f"date_part('month', {end}) - date_part('month', {start})"
    rest = case((f"{_in_month(end)} < {_in_month(start)}", "1"), otherwise="0")
    return f"({years} + {months} - {rest})"


def _in_month(value: str) -> str:
    return f"(epoch_us({value}) - epoch_us(date_trunc('month', {value})))"


def _age(terms: Sequence[Term]) -> Term:
    return _between([*terms, Term("'year'", TEXT, "year", is_literal=True)])


# ------------------------------------------------ made of numbers


def _date_of(year: str, month: str, day: str) -> str:
    return f"make_date({year}, {month}, {day})"


def _time_of(hour: str, minute: str, second: str) -> str:
    return f"make_time({hour}, {minute}, CAST({second} AS DOUBLE))"


def _made_date(terms: Sequence[Term]) -> Term:
    return in_years(_date_of(*(term.sql for term in terms)), DATE)


def _made_time(terms: Sequence[Term]) -> Term:
    return guarded(
        TIME,
        NO_CLOCK,
        _no_clock,
        _time_of,
        *_clock(terms),
    )


def _no_clock(hour: str, minute: str, second: str) -> str:
    bounds = ((hour, 23), (minute, 59), (second, 59))
    return " OR ".join(f"{value} < 0 OR {value} > {most}" for value, most in bounds)


def _clock(terms: Sequence[Term]) -> list[str]:
    return [*(term.sql for term in terms), *["0"] * (3 - len(terms))]


def _made_timestamp(terms: Sequence[Term]) -> Term:
    found = guarded(
        TIMESTAMP,
        NO_CLOCK,
        lambda year, month, day, hour, minute, second: _no_clock(hour, minute, second),
        lambda year, month, day, *clock: f"({_date_of(year, month, day)} + {_time_of(*clock)})",
        *(term.sql for term in terms[:3]),
        *_clock(terms[3:]),
    )
    return in_years(found.sql, TIMESTAMP)


def _instant(terms: Sequence[Term]) -> Term:
    return moment(terms[0], TIMESTAMPTZ)


def _moment(to: Type) -> Compile:
    return lambda terms: moment(terms[0], to)


def tried(to: Type) -> Compile:
    return lambda terms: tried_moment(terms[0], to)


# ------------------------------------------------ formats


def parsed(to: Type, is_tried: bool) -> Compile:
    def compiled(terms: Sequence[Term]) -> Term:
        form = text_literal_of(terms[1])
        found = f"try_strptime(trim({terms[0].sql}, ' '), {quoted(form)})"

        def body(text: str, value: str) -> str:
            is_wrong = (  # whatever the format is, DuckDB reads epoch and infinity, which have no digit
                f"{text} IS NOT NULL AND ({value} IS NULL OR NOT regexp_matches({text}, '[0-9]')"
                f" OR date_part('year', {value}) < {FIRST_PARSED_YEAR})"
            )
            failed = fail(
                f"this is not written as {form}, with a year from {FIRST_PARSED_YEAR}: ", to, text
            )
            wrong = cast("NULL", to) if is_tried else failed
            return case((is_wrong, wrong), otherwise=cast(value, to))

        may_fail = not is_tried or any_fails(terms)
        return Term(let(body, terms[0].sql, found), to, may_fail=may_fail)

    return compiled


def _written(terms: Sequence[Term]) -> Term:
    term = terms[0]
    value = _timestamp(term)
    if term.kind is Kind.TIME:
        value = f"(CAST('1970-01-01' AS DATE) + {term.sql})"
    sql = f"strftime({value}, {quoted(text_literal_of(terms[1]))})"
    return Term(sql, TEXT, may_fail=any_fails(terms))


# ------------------------------------------------ zones and seconds since 1970


def _to_zone(terms: Sequence[Term]) -> Term:
    return in_years(f"timezone({quoted(text_literal_of(terms[1]))}, {terms[0].sql})", TIMESTAMP)


def _from_zone(terms: Sequence[Term]) -> Term:
    local = f"timezone({quoted(text_literal_of(terms[1]))}, {terms[0].sql})"
    return in_years(in_utc(local), TIMESTAMPTZ)


def _epoch_unit(terms: Sequence[Term]) -> int:
    return EPOCH_UNITS[text_literal_of(terms[1]) if len(terms) == 2 else "second"]


def _to_epoch(terms: Sequence[Term]) -> Term:
    """Rounded down, before 1970 too."""
    unit = _epoch_unit(terms)

    def body(micros: str) -> str:
        return f"(({micros} - (({micros} % {unit}) + {unit}) % {unit}) // {unit})"

    return Term(let(body, _micros(terms[0])), INTEGER, may_fail=any_fails(terms))


def _from_epoch(terms: Sequence[Term]) -> Term:
    return in_years(f"make_timestamp({terms[0].sql} * {_epoch_unit(terms)})", TIMESTAMPTZ)


READ_FORM = Argument("format", TEXTS, literal=Literal("a format, as '%d.%m.%Y'", parsed_error))
_WRITE_FORM = Argument("format", TEXTS, literal=Literal("a format, as '%d.%m.%Y'", written_error))
_AS_NUMBERS = tuple(Argument(name, WHOLE) for name in ("year", "month", "day"))
_OF_CLOCK = (
    Argument("hour", WHOLE),
    Argument("minute", WHOLE),
    Argument("second", WHOLE, is_optional=True),
)

FUNCTIONS = (
    Function("date", (Argument("x", _READ),), "date", "The day of a text as 2026-01-31, of a timestamp, of an instant in UTC.", "date('2026-01-31')", "make_date(2026, 1, 31)", _moment(DATE), also=("to_date", "todate")),
    Function("time", (Argument("x", _READ_TIME),), "time", "The time of a text as 12:30 or 12:30:00.5, of a timestamp, of an instant in UTC.", "time('12:30')", "make_time(12, 30)", _moment(TIME), also=("to_time", "totime")),
    Function("timestamp", (Argument("x", _READ),), "timestamp", "A day with a time, without a zone: of a text as 2026-01-31 12:30:00, of a date (its midnight), of an instant in UTC.", "timestamp('2026-01-31 12:30:00')", "make_timestamp(2026, 1, 31, 12, 30)", _moment(TIMESTAMP), also=("datetime", "to_timestamp", "todatetime")),
    Function("instant", (Argument("x", Takes("text or an instant", frozenset({Kind.TEXT, Kind.TIMESTAMPTZ}), TEXT, ": write from_zone(timestamp, zone)")),), "timestamptz", "A point in time: of a text with its zone, as 2026-01-31 12:30:00+01:00.", "instant('2026-01-31 12:30:00+01:00')", "from_zone(timestamp('2026-01-31 12:30:00'), 'Europe/Berlin')", _instant, also=("timestamptz",)),
    Function("year", (_X,), "integer", "The year.", "year(date('2026-01-31'))", "2026", _part("year")),
    Function("quarter", (_X,), "integer", "The quarter, 1 to 4.", "quarter(date('2026-05-31'))", "2", _part("quarter")),
    Function("month", (_X,), "integer", "The month, 1 to 12.", "month(date('2026-01-31'))", "1", _part("month")),
    Function("day", (_X,), "integer", "The day of the month, 1 to 31.", "day(date('2026-01-31'))", "31", _part("day"), also=("dayofmonth",)),
    Function("hour", (_CLOCK,), "integer", "The hour, 0 to 23.", "hour(time('12:30'))", "12", _part("hour")),
    Function("minute", (_CLOCK,), "integer", "The minute, 0 to 59.", "minute(time('12:30'))", "30", _part("minute")),
    Function("second", (_CLOCK,), "integer", "The second, 0 to 59, without its fraction.", "second(time('12:30:01.9'))", "1", _part("second")),
    Function("weekday", (_X,), "integer", "The day of the week, from 1 for Monday to 7 for Sunday.", "weekday(date('2026-02-01'))", "7", _part("isodow"), also=("day_of_week", "dayofweek", "isodow")),
    Function("day_of_year", (_X,), "integer", "The day of the year, 1 to 366.", "day_of_year(date('2026-02-01'))", "32", _part("doy"), also=("dayofyear", "doy")),
    Function("week", (_X,), "integer", "The week of ISO 8601, 1 to 53; the year that it belongs to is iso_year(x).", "week(date('2027-01-01'))", "53", _part("week"), also=("weeknum", "isoweek", "iso_week", "weekofyear")),
    Function("iso_year", (_X,), "integer", "The year that the week of ISO 8601 belongs to.", "iso_year(date('2027-01-01'))", "2026", _part("isoyear"), also=("isoyear",)),
    Function("start_of", (_X, _UNIT), "as x", "The beginning of the year, quarter, month, week (Monday), day, hour, minute or second that it is in.", "start_of(date('2026-05-31'), 'quarter')", "date('2026-04-01')", _start_of, also=("date_trunc", "trunc_date", "floor_date", "datetrunc")),
    Function("end_of_month", (_X,), "date", "The last day of the month.", "end_of_month(date('2024-02-10'))", "date('2024-02-29')", _end_of_month, also=("last_day", "eomonth", "month_end")),
    Function("days_in_month", (_X,), "integer", "How many days the month has.", "days_in_month(date('2024-02-10'))", "29", _days_in_month),
    Function("is_leap_year", (Argument("year", WHOLE),), "boolean", "Whether the year has 366 days.", "is_leap_year(2024)", "True", _leap),
    Function("date_add", (_X, Argument("count", WHOLE), _UNIT), "as x", "So many units later; a day that the month lacks becomes its last. Beyond the years 1 to 9999 it fails.", "date_add(date('2026-01-31'), 1, 'month')", "date('2026-02-28')", _added, also=("dateadd", "add_months", "add_days", "edate", "add_hours", "date_plus", "adddate")),
    Function("date_diff", (Argument("start", DAYS), Argument("end", DAYS), _UNIT), "integer", "How many whole units have passed from start to end; negative where the end is before.", "date_diff(date('2026-01-31'), date('2026-03-30'), 'month')", "1", _between, also=("datediff", "datedif", "months_between", "timestampdiff")),
    Function("age", (Argument("birth", DAYS), Argument("at", DAYS)), "integer", "The age in years on that day: whole years that have passed.", "age(date('2000-06-15'), date('2026-06-14'))", "25", _age),
    Function("make_date", _AS_NUMBERS, "date", "The day of a year, a month and a day; one that is not there fails.", "make_date(2026, 1, 31)", "date('2026-01-31')", _made_date, also=("date_from_parts", "datefromparts")),
    Function("make_time", _OF_CLOCK, "time", "The time of an hour, a minute and a second; one that is not there fails.", "make_time(12, 30)", "time('12:30')", _made_time, also=("timefromparts",)),
    Function("make_timestamp", (*_AS_NUMBERS, *_OF_CLOCK), "timestamp", "The day and time of numbers; one that is not there fails.", "make_timestamp(2026, 1, 31, 12, 30)", "timestamp('2026-01-31 12:30:00')", _made_timestamp, also=("timestamp_from_parts", "datetimefromparts")),
    Function("combine", (Argument("day", ONE_DAY), Argument("clock", ONE_TIME)), "timestamp", "A day and a time together.", "combine(date('2026-01-31'), time('12:30'))", "timestamp('2026-01-31 12:30:00')", plain("({0} + {1})", TIMESTAMP)),
    Function("parse_date", (A_TEXT, READ_FORM), "date", "The day of a text that is written in this format; one that is not fails.", "parse_date('31.01.2026', '%d.%m.%Y')", "date('2026-01-31')", parsed(DATE, is_tried=False), also=("strptime", "str_to_date", "datevalue", "date_parse")),
    Function("parse_timestamp", (A_TEXT, READ_FORM), "timestamp", "The day and time of a text that is written in this format; one that is not fails.", "parse_timestamp('31.01.2026 12:30', '%d.%m.%Y %H:%M')", "timestamp('2026-01-31 12:30:00')", parsed(TIMESTAMP, is_tried=False), also=("parse_datetime", "datetimeparse")),
    Function("format_date", (Argument("x", _ANY_MOMENT), _WRITE_FORM), "text", "Written in this format; names are English.", "format_date(date('2026-01-31'), '%d %b %Y')", "'31 Jan 2026'", _written, also=("strftime", "date_format", "datetimeformat", "to_char", "monthname", "dayname")),
    Function("to_zone", (Argument("x", _INSTANT), _A_ZONE), "timestamp", "What clocks show in that time zone at this instant.", "to_zone(instant('2026-07-01 12:00:00+00:00'), 'Europe/Berlin')", "timestamp('2026-07-01 14:00:00')", _to_zone, also=("at_time_zone", "timezone", "convert_timezone", "tz_convert", "from_utc_timestamp")),
    Function("from_zone", (Argument("x", _TIMESTAMP), _A_ZONE), "timestamptz", "The instant at which clocks in that time zone show this; an hour that is there twice is the second, one that is left out is taken by the time before.", "from_zone(timestamp('2026-07-01 14:00:00'), 'Europe/Berlin')", "instant('2026-07-01 12:00:00+00:00')", _from_zone, also=("tz_localize", "to_utc_timestamp")),
    Function("to_epoch", (_X, _EPOCH_UNIT), "integer", "Seconds since 1970 in UTC, or milliseconds or microseconds; rounded down.", "to_epoch(timestamp('1970-01-02 00:00:00'))", "86400", _to_epoch, also=("epoch", "unix_timestamp", "to_unix", "datetimetoepoch")),
    Function("from_epoch", (Argument("x", WHOLE), _EPOCH_UNIT), "timestamptz", "The instant so many seconds after 1970, or milliseconds or microseconds.", "from_epoch(86400)", "instant('1970-01-02 00:00:00+00:00')", _from_epoch, also=("from_unixtime", "fromunixtime", "epoch_ms")),
)  # fmt: skip
