"""How values are written, and what a text is told that is written otherwise."""

from __future__ import annotations

import pyarrow as pa

from program_lib.texts.columns import matches
from program_lib.types import Kind, Type

SHOWN = 60  # characters of a refused value in a message; more would hide the sentence

WHOLE = r"[-+]?[0-9]+"
NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
FLOATING = NUMBER + r"(?:[eE][-+]?[0-9]+)?|NaN|-?Infinity"
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*)?)?"
TIMESTAMP = rf"{DATE}(?:[ T]{TIME})?"
TIMESTAMPTZ = rf"{DATE}[ T]{TIME} ?(?:Z|[-+][0-9]{{2}}(?::?[0-9]{{2}})?)"


def shown(text: str) -> str:
    """A value as a message quotes it: not too long, and nothing invisible."""
    return repr(text) if len(text) <= SHOWN else repr(text[:SHOWN]) + "…"


def why_not(text: str, to: Type) -> str:
    """The sentence of a refusal: what stands there, and what would be right."""
    text = text.strip(" ")
    if not text:
        return f"an empty text is not {_WANTED[to.kind]}"
    if has_form(text, to.kind):
        return f"{shown(text)} {_cannot_hold(to)}"
    return f"{shown(text)} is not {_WANTED[to.kind]}"


def has_form(text: str, kind: Kind) -> bool:
    """Whether a text is written as values of the kind are, though the kind may have no such value."""
    form = _FORMS.get(kind)
    return form is not None and matches(pa.array([text]), form)


def _cannot_hold(to: Type) -> str:
    match to.kind:
        case Kind.INTEGER:
            return f"does not fit into {to.bits} bits"
        case Kind.DECIMAL:
            return f"has more digits than {to} can hold; nothing is rounded"
        case Kind.DOUBLE:
            return "is beyond what a double can hold"
        case Kind.TIME:
            return "is no time of a day"
        case Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            return "is no date that exists, of the years 1 to 9999, with a time up to 23:59:59"
    return "is no date that exists, of the years 1 to 9999"


_FORMS = {
    Kind.INTEGER: WHOLE,
    Kind.DECIMAL: NUMBER,
    Kind.DOUBLE: FLOATING,
    Kind.DATE: DATE,
    Kind.TIME: TIME,
    Kind.TIMESTAMP: TIMESTAMP,
    Kind.TIMESTAMPTZ: TIMESTAMPTZ,
}

_WANTED = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "a whole number",
    Kind.DECIMAL: "a number in plain digits, such as 1234.50",
    Kind.NUMERIC: "a number in plain digits, such as 1234.50",
    Kind.DOUBLE: "a number such as 1234.5 or 1e-7",
    Kind.DATE: "a date such as 2026-07-31",
    Kind.TIME: "a time such as 12:00:00.5, with at most six digits of a second",
    Kind.TIMESTAMP: "a timestamp such as 2026-07-31 12:00:00.5, without a zone",
    Kind.TIMESTAMPTZ: "a timestamp with its zone, such as 2026-07-31 12:00:00.5+00",
    Kind.BYTES: "bytes in hexadecimal digits, such as \\x00ff",
    Kind.UUID: "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
}
