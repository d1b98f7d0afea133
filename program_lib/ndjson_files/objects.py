"""JSON objects as texts of columns: numbers as they are written, and what is nested as JSON."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec

from program_lib.types import Kind, Type

MAX_EXPONENT = 400  # of a number that is written out: 1e400 is beyond a double, too
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = msgspec.json.Decoder(str)
_QUOTE = ord('"')
_EXACT = (Kind.INTEGER, Kind.NUMERIC)


class NotAnObject(ValueError):
    """A line is no JSON object; the text says why."""


def members(line: bytes) -> dict[str, msgspec.Raw]:
    """The members of a line in their order, each as it is written. Raises NotAnObject."""
    try:
        found = _OBJECT.decode(line)
        if _may_have_twins(line, found):
            _check_twins(line)
    except msgspec.ValidationError as error:
        raise NotAnObject(f"is no JSON object: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAnObject(f"is no JSON: {error}") from None
    except RecursionError:
        raise NotAnObject("is nested too deeply") from None
    return found


def text_of(value: msgspec.Raw | None, of: Type) -> str | None:
    """A member as a text that `parse_column` reads; None: it is null, or missing. Raises NotAnObject."""
    if value is None:
        return None
    raw = bytes(value)
    if raw[0] == _QUOTE:
        return _string(raw) if b"\\" in raw else raw[1:-1].decode()
    if raw == b"null":
        return None
    text = raw.decode()
    return _written_out(text) if of.kind in _EXACT and ("e" in text or "E" in text) else text


def _may_have_twins(line: bytes, found: dict[str, msgspec.Raw]) -> bool:
    """Whether two members may have one name: each has a colon, beside those in its name and its value."""
    inside = sum(bytes(value).count(b":") for value in found.values())
    return line.count(b":") != len(found) + inside or any(":" in name for name in found)


def _check_twins(line: bytes) -> None:
    names = [name for name, _ in json.loads(line, object_pairs_hook=list, parse_int=str)]
    if twins := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise NotAnObject(f"has two members that are called {twins[0]!r}")


def _string(raw: bytes) -> str:
    try:
        return _STRING.decode(raw)
    except msgspec.DecodeError as error:
        raise NotAnObject(f"is no JSON: {error}") from None


def _written_out(text: str) -> str:
    """A number without an exponent, exactly; anything else as it is, which is refused with its row."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    exponent = number.as_tuple().exponent
    is_short = isinstance(exponent, int) and abs(exponent) <= MAX_EXPONENT
    return format(number, "f") if is_short else text
