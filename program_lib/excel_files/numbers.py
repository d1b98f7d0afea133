"""Numbers as they stand in a sheet's XML, and as people wrote them. Pure."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

MOST_EXPONENT = 400  # 1e400 is beyond a double
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,14}[1-9])?")
_WITH_POINT = re.compile(r"-?[0-9]+\.[0-9]+")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_EXACT_DIGITS = 15  # that each double keeps of a decimal number
MOST_DIGITS = 17  # that a program writes of a double


def number_text(written: str) -> str:
    """A number without an exponent, with the digits that were typed.

    Excel writes the nearest double with 17 digits, 1.1000000000000001 for 1.1: then the shortest text of that double is
    what was typed. Digits that no double has, as other programs write them, stay as they are. Raises ValueError.
    """
    if _PLAIN.fullmatch(written) and len(written) <= _EXACT_DIGITS:
        return written
    if len(written) <= MOST_DIGITS + 2 and (typed := _of_a_double(written)):
        return typed
    if not _NUMBER.fullmatch(written):
        raise ValueError(f"{written[:40]!r} is no number")
    try:
        exact = Decimal(written)
    except InvalidOperation:  # an exponent beyond all
        raise ValueError(f"{written[:40]!r} is no number that Excel has") from None
    if abs(exact.adjusted()) > MOST_EXPONENT:
        raise ValueError(f"{written[:40]!r} is no number that Excel has")
    return _plain(_typed(exact))


def _typed(exact: Decimal) -> Decimal:
    digits = len(exact.normalize().as_tuple().digits)
    if digits <= _EXACT_DIGITS or exact == exact.to_integral_value() or digits > MOST_DIGITS:
        return exact
    double = float(exact)
    is_of_a_double = any(Decimal(f"{double:.{n}g}") == exact for n in (16, 17))
    return Decimal(repr(double)) if is_of_a_double else exact


def _of_a_double(written: str) -> str:
    """The shortest text of a double whose 16 or 17 digits are written without an exponent; else ""."""
    if not _WITH_POINT.fullmatch(written):
        return ""
    double = float(written)
    text = repr(double)
    return text if written in (f"{double:.17g}", f"{double:.16g}") and "e" not in text else ""


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
