"""A parameter as a graph declares it, and which values it takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from program_lib.errors import ProgramError
from program_lib.types import DATE, MAX_DIGITS, NUMERIC, TEXT, Type, listed

TEXT_TYPE, NUMBER_TYPE, DATE_TYPE, CHOICE_TYPE = "text", "number", "date", "choice"
TYPES = {TEXT_TYPE: TEXT, NUMBER_TYPE: NUMERIC, DATE_TYPE: DATE, CHOICE_TYPE: TEXT}
MAX_VALUE = 1_000  # characters of a value; longer texts are data, and belong in a file or a table
# Characters of all values of a run: they pass through one variable of the program's environment, which holds 128 KiB
MAX_VALUES = 10_000
# Digits that a double keeps whatever they are: a number of JSON with more may not be what was written
EXACT_IN_JSON = 15
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class WrongValue(ProgramError):
    """A value that a parameter does not take; the text goes after the parameter's name."""


class WrongParameters(ProgramError):
    """Values that a program cannot start with; `errors` names each parameter and what is wrong with it."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(message for _, message in errors))


@dataclass(frozen=True, slots=True)
class Value:
    """What a parameter stands for in one run: its text in one form, or None for NULL."""

    type: Type
    text: str | None

    def python(self) -> str | Decimal | date | None:
        """The value as drivers of databases take it."""
        if self.text is None:
            return None
        if self.type == NUMERIC:
            return Decimal(self.text)
        return date.fromisoformat(self.text) if self.type == DATE else self.text


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: `type` is one of TYPES; `choices` are for a choice alone."""

    name: str
    type: str
    default: str | None = None
    required: bool = False
    choices: Sequence[str] = ()
    help: str = ""

    def text_of(self, given: Any) -> str:
        """The value as text, in the one form that a run keeps. Raises WrongValue."""
        text = _READ[self.type](given)
        if self.type == CHOICE_TYPE and text not in self.choices:
            raise WrongValue(f"is {shown(text)}, it must be one of {listed(self.choices)}")
        if self.required and not text:
            raise WrongValue("is empty, and a value is required")
        return text

    def value(self, text: str | None) -> Value:
        """The value of a run that keeps this text."""
        return Value(TYPES[self.type], text)


def resolved(declared: Iterable[Parameter], given: Mapping[str, Any]) -> dict[str, str | None]:
    """The text of each parameter: what is given, else its default, else None. Raises WrongParameters.

    A value that is given as None counts as not given.
    """
    parameters = {parameter.name: parameter for parameter in declared}
    errors = [(name, _unknown(name, parameters)) for name in given if name not in parameters]
    texts: dict[str, str | None] = {}
    for name, parameter in parameters.items():
        try:
            texts[name] = _text(parameter, given.get(name))
        except WrongValue as error:
            errors.append((name, f"the parameter {name} {error}"))
    if (size := sum(len(text or "") for text in texts.values())) > MAX_VALUES:
        told = f"all values together have {size:,} characters, at most {MAX_VALUES:,} are allowed"
        errors.append(("", told))
    if errors:
        raise WrongParameters(errors)
    return texts


def _text(parameter: Parameter, given: Any) -> str | None:
    if given is not None:
        return parameter.text_of(given)
    if parameter.default is None and parameter.required:
        raise WrongValue("is missing: it has no default, so that a value must be given")
    return parameter.default


def _unknown(name: str, parameters: Mapping[str, Parameter]) -> str:
    there = f"there are {listed(parameters)}" if parameters else "the job declares none"
    return f"there is no parameter {shown(name)}; {there}"


# What is read as a value of each type


def _read_text(given: Any) -> str:
    if not isinstance(given, str):
        raise WrongValue(f"must be text, not {_kind(given)}")
    if len(given) > MAX_VALUE:
        raise WrongValue(f"has {len(given):,} characters, at most {MAX_VALUE:,} are allowed")
    if "\0" in given or any("\ud800" <= letter <= "\udfff" for letter in given):
        raise WrongValue("holds a character that cannot be stored")
    return given


def _read_number(given: Any) -> str:
    """Text of digits alone, or a number of JSON that is surely the one that was written."""
    if type(given) is int:
        given = f"{given:d}" if abs(given) < 10**MAX_DIGITS else "9" * (MAX_DIGITS + 1)
    elif type(given) is float:
        given = _text_of_float(given)
    text = _read_text(given)
    if not _NUMBER.fullmatch(text):
        raise WrongValue(
            f"is {shown(text)}, which is no number: write digits and a point, as in 12.5"
        )
    number = Decimal(text)
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if max(len(digits), -exponent) > MAX_DIGITS:
        raise WrongValue(f"has more than {MAX_DIGITS} digits")
    return f"{number:f}" if number else f"{abs(number):f}"  # there is no -0


def _text_of_float(given: float) -> str:
    number = Decimal(repr(given))
    if len(number.normalize().as_tuple().digits) > EXACT_IN_JSON:
        raise WrongValue(
            f'is a number that JSON may have rounded: write it as a text, as in "{given!r}"'
        )
    return f"{number:f}"


def _read_date(given: Any) -> str:
    text = _read_text(given)
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:  # the 30th of February
        pass
    raise WrongValue(f"is {shown(text)}, which is no date: write it as 2026-01-31")


_READ: dict[str, Callable[[Any], str]] = {
    TEXT_TYPE: _read_text,
    NUMBER_TYPE: _read_number,
    DATE_TYPE: _read_date,
    CHOICE_TYPE: _read_text,
}


def shown(text: str) -> str:
    """A text in a message: in quotes, at most 60 characters."""
    quoted = repr(text)
    return quoted if len(quoted) <= 60 else quoted[:59] + "…"


def _kind(given: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(given), "an object")
