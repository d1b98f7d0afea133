"""Days and times as Excel counts them. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

DAY_MS = 86_400_000
MOST_DAY = 2_958_466  # the first that is no day: 1 January 10000, counted from 1900
FALSE_DAY = 60  # 29 February 1900, which never was
# Of a number's format: what stands in quotes, in brackets, after a backslash or a _ or * is no letter of a date
_NO_LETTERS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\]|[<=>])[^\]]*\]', re.IGNORECASE)
_CONDITION = re.compile(r"\[(<=|<>|>=|<|=|>) *(-?[0-9]+(?:\.[0-9]+)?)\]")
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt, "<>": operator.ne,
}  # fmt: skip
_FRACTION = re.compile(r"\.0+")  # of a second
_DIGITS = re.compile("[0#?]")  # which stand in formats of numbers alone
_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)?(?:T|^)(?P<clock>\d\d:\d\d:\d\d)(?P<fraction>(?:\.\d*[1-9])?)\.?0*",
    re.ASCII,
)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)

# What a format shows of a number
DATE, TIME, BOTH, ELAPSED = "date", "time", "both", "elapsed"
BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 34, 35, 36, *range(50, 59)), DATE),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 45, 47), TIME),
    22: BOTH,
    46: ELAPSED,
}


class NoDate(ValueError):
    """A number that its format shows as a date, and that is none; the text says why."""


class Section(NamedTuple):
    """A part of a number's format, and the numbers that it is for."""

    shows: str | None  # as BUILT_IN says; None: a number
    holds: Callable[[float, float], bool] | None = None  # of a number and `bound`; None: for all
    bound: float = 0.0


@cache
def sections(number_format: str) -> tuple[Section, ...]:
    """The parts of a format with conditions, as [=0]"";yyyy-mm-dd has them; of another the first one. None where none shows a date."""
    parts = _NO_LETTERS.sub("", number_format).split(";")
    if not any(map(_CONDITION.search, parts)):
        parts = parts[:1]
    found = tuple(map(_section, parts))
    return found if any(section.shows for section in found) else ()


def shows(parts: tuple[Section, ...], number: float) -> str | None:
    """What the first part that is for this number shows; None where it is a number."""
    for part in parts:
        if part.holds is None or part.holds(number, part.bound):
            return part.shows
    return None


def _section(part: str) -> Section:
    shown = _letters_show(_CONDITION.sub("", part).lower())
    if (found := _CONDITION.search(part)) is None:
        return Section(shown)
    return Section(shown, _HOLDS[found[1]], float(found[2]))


def _letters_show(letters: str) -> str | None:
    if _ELAPSED.search(letters):
        return ELAPSED
    is_number = _DIGITS.search(_FRACTION.sub("", letters)) is not None
    if is_number or letters.strip() in ("general", "standard", "@"):
        return None
    letters = letters.replace("general", "").replace("am/pm", "").replace("a/p", "")
    has_time = "h" in letters or "s" in letters
    has_date = "y" in letters or "d" in letters or ("m" in letters and not has_time)
    if has_date:
        return BOTH if has_time else DATE
    return TIME if has_time else None


def moment(number: float, shown: str, *, from_1904: bool) -> str:
    """A number as the date, the time, both, or hours, minutes and seconds; to the millisecond, as Excel has it.

    A day with a time of day is both, and a number below 1 a time, whatever the format shows: it may hide one of them.
    Raises NoDate.
    """
    if not 0 <= number < MOST_DAY:
        raise NoDate(f"the number {number:.15g}, which its format shows as a date, is none")
    whole = round(number * DAY_MS)
    if shown == ELAPSED:
        return _clock(whole)
    day, rest = divmod(whole, DAY_MS)
    if day == 0 and not (from_1904 and shown != TIME):
        return _clock(rest)
    date = f"{_day(day, from_1904):%Y-%m-%d}"
    return date if rest == 0 and shown == DATE else f"{date} {_clock(rest)}"


def iso_moment(written: str) -> str:
    """A date, a time or both, as the strict form and some programs write it, in the form that `moment` gives."""
    if (found := _ISO.fullmatch(written)) is None:
        return written.replace("T", " ")
    return " ".join(part for part in (found["day"], found["clock"]) if part) + found["fraction"]


def _day(day: int, from_1904: bool) -> datetime:
    if from_1904:
        first = datetime(1904, 1, 1)
    elif day == FALSE_DAY:
        raise NoDate("29 February 1900 is a day that Excel alone has")
    else:
        first = datetime(1899, 12, 31) if day < FALSE_DAY else datetime(1899, 12, 30)
    try:
        return first + timedelta(days=day)
    except OverflowError:
        raise NoDate("the date is beyond the year 9999") from None


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{rest:03}".rstrip("0") if rest else text
