"""JSON objects as texts of columns: numbers as they are written, and what is nested as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import RowRefused
from program_lib.texts import constant
from program_lib.types import TEXT, Kind, Type

Member = msgspec.Raw | None  # as it is written; None: an object has it not

MAX_EXPONENT = 400  # of a number that is written out: 1e400 is beyond a double, too
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_STRING = msgspec.json.Decoder(str)
_STRINGS = msgspec.json.Decoder(list[str | None])
_MARKS = (b'"', b"[", b"{")  # of what is more than a number, true, false or null
# What msgspec says where JSON ends early; within a number it names the byte that is not there
_TRUNCATED = "Input data was truncated"
_IN_NUMBER = ("invalid number", "invalid character")
_QUOTE = ord('"')
# Half of a surrogate pair; what stands before it is passed over: a backslash, and whole pairs
_HALF = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
# What stands in a number that is written out for a type: 1.0 and 1e2 are whole numbers to JSON
_WRITTEN_OUT = {Kind.INTEGER: (b"e", b"E", b"."), Kind.NUMERIC: (b"e", b"E")}


class NotAnObject(ValueError):
    """A line is no JSON object; the text says why."""


class EndsEarly(NotAnObject):
    """What is there is the beginning of JSON."""


def members(line: bytes) -> dict[str, msgspec.Raw]:
    """The members of a line in their order, each as it is written. Raises NotAnObject."""
    try:
        found = _OBJECT.decode(line)
        if _may_have_twins(line, found):
            _check_twins(line)
    except msgspec.ValidationError as error:
        raise NotAnObject(f"is no JSON object: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _no_json(line, error) from None
    except RecursionError:
        raise NotAnObject("is nested too deeply") from None
    return found


def elements(written: bytes) -> list[msgspec.Raw]:
    """The elements of a list, each as it is written. Raises NotAnObject."""
    try:
        return _LIST.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _no_json(written, error) from None
    except RecursionError:
        raise NotAnObject("is nested too deeply") from None


def _no_json(written: bytes, error: Exception) -> NotAnObject:
    """The decoder takes half of a character for an end of what is written, which that is only where its text does not go on."""
    half = next((found for found in _HALF.finditer(written) if found[1]), None)
    if half is not None and b'"' in written[half.end() :]:
        return NotAnObject(
            f"is no JSON: {half[1].decode()} is half of a character, as where a text is cut within an emoji"
        )
    said = str(error)
    ends = (_TRUNCATED, *(f"{one} (byte {len(written)})" for one in _IN_NUMBER))
    return (EndsEarly if said.endswith(ends) else NotAnObject)(f"is no JSON: {said}")


def text_of(written: bytes) -> str | None:
    """A value as text: of a string its characters, of null None, of anything else what is written."""
    return _text_of(written, TEXT)


def texts_of(found: Sequence[Member], of: Type, name: str) -> pa.Array:
    """Members of one name as texts that `parse_column` reads, NULL where they are null or missing. Raises RowRefused.

    Whole columns of numbers, or of strings, are read at once.
    """
    written = b",".join([b"null" if value is None else value for value in found])
    if found and not any(sign in written for sign in _marks(of)):
        return _split(written)
    try:
        return pa.array(_STRINGS.decode(b"".join((b"[", written, b"]"))), pa.string())
    except msgspec.DecodeError:
        return pa.array(list(_one_by_one(found, of, name)), pa.string())


def _marks(of: Type) -> tuple[bytes, ...]:
    """What stands in a column whose values must be looked at one by one: strings, nested ones, numbers to write out."""
    return (*_MARKS, *_WRITTEN_OUT.get(of.kind, ()))


def _split(written: bytes) -> pa.Array:
    """What is written without quotes and brackets."""
    texts = pa.array(written.decode().split(","), pa.string())
    return pc.if_else(pc.equal(texts, constant("null")), None, texts)


def _one_by_one(found: Sequence[Member], of: Type, name: str) -> Iterator[str | None]:
    for index, value in enumerate(found):
        try:
            yield None if value is None else _text_of(bytes(value), of)
        except msgspec.DecodeError as error:
            raise RowRefused(index, f"is no JSON: {error}", name) from error


def _text_of(written: bytes, of: Type) -> str | None:
    if written[0] == _QUOTE:
        return _STRING.decode(written)
    if written == b"null":
        return None
    text = written.decode()
    is_plain = not any(sign in written for sign in _WRITTEN_OUT.get(of.kind, ()))
    return text if is_plain else _written_out(text, of)


def _may_have_twins(line: bytes, found: Mapping[str, msgspec.Raw]) -> bool:
    """Whether two members may have one name: each has a colon, beside those in its name and its value."""
    colons = line.count(b":")
    if colons == len(found):
        return False
    inside = b"".join(found.values()).count(b":")
    return colons != len(found) + inside or ":" in "".join(found)


def _check_twins(line: bytes) -> None:
    names = [name for name, _ in json.loads(line, object_pairs_hook=list, parse_int=str)]
    if twins := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise NotAnObject(f"has two members that are called {twins[0]!r}")


def _written_out(text: str, of: Type) -> str:
    """A number without an exponent, exactly, and a whole one without a point where the type has none.

    Anything else as it is, which is refused with its row.
    """
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
        return text
    plain = format(number, "f")
    whole, _, fraction = plain.partition(".")
    return whole if of.kind is Kind.INTEGER and not fraction.strip("0") else plain
