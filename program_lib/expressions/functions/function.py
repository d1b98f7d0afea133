"""What a function of expressions is: one entry of a table, from which checks, SQL, docs and completion come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from program_lib.expressions.moments import any_moment
from program_lib.expressions.quoting import case, cast, fail, let
from program_lib.expressions.terms import NUMBERS, Misfit, Term, any_fails, called, typed_null
from program_lib.types import BOOLEAN, DATE, INTEGER, JSON, TEXT, TIME, TIMESTAMP, Kind, Type

MANY = 20  # arguments of a function that takes any number of them
MAX_TEXT = 10_000_000  # characters that a function may give which makes long texts of short ones

Compile = Callable[[Sequence[Term]], Term]


@dataclass(frozen=True, slots=True)
class Takes:
    """Which values an argument may have; `null` is the type that None gets there."""

    called: str
    kinds: frozenset[Kind]
    null: Type
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Literal:
    """An argument that is written out. `wrong` says what is wrong with a text or a whole number, None: nothing."""

    called: str
    wrong: Callable[[str | int], str | None]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    takes: Takes | None  # None: a value of any type
    is_optional: bool = False
    literal: Literal | None = None

    @property
    def called(self) -> str:
        """The type of the argument, as the table of functions has it."""
        if self.literal is not None:
            return self.literal.called
        return "any value" if self.takes is None else self.takes.called

    def literal_error(self, value: str | int | None) -> str | None:
        """What is wrong with what is written there; None: nothing, or it need not be written out."""
        if self.literal is None:
            return None
        if value is None:
            return f"must be written out: {self.literal.called}"
        return self.literal.wrong(value)

    def accepted(self, function: str, term: Term) -> Term:
        """The term as the function computes with it. Raises Misfit where its type does not fit."""
        takes = self.takes
        if takes is None:
            return term
        if term.is_null:
            return typed_null(takes.null)
        if term.is_literal_text and Kind.TEXT not in takes.kinds:
            term = any_moment(str(term.value), takes.kinds) or term
        if term.kind not in takes.kinds:
            raise Misfit(f"{function} takes {takes.called}, not {called(term)}{takes.advice}")
        return term


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions may call.

    `example` is a call that reads no column, `gives` an expression of the same value. With `repeats`, that many of the
    last arguments may be given again and again. NULL in any argument gives NULL, unless `nulls` says otherwise.
    """

    name: str
    arguments: tuple[Argument, ...]
    returns: str
    help: str
    example: str
    gives: str
    compile: Compile
    also: tuple[str, ...] = ()  # what other languages call it
    repeats: int = 0
    nulls: str = ""

    @property
    def least(self) -> int:
        return sum(not argument.is_optional for argument in self.arguments)

    @property
    def most(self) -> int:
        return MANY if self.repeats else len(self.arguments)

    @property
    def signature(self) -> str:
        """round(x[, digits])"""
        named = [argument.name for argument in self.arguments]
        for place, argument in enumerate(self.arguments):
            comma = ", " if place else ""
            named[place] = (
                f"[{comma}{named[place]}]" if argument.is_optional else comma + named[place]
            )
        return f"{self.name}({''.join(named)}{', …' if self.repeats else ''})"

    def argument(self, place: int) -> Argument:
        """The argument that stands at this place, counted from 0."""
        if place < len(self.arguments):
            return self.arguments[place]
        return self.arguments[
            len(self.arguments) - 1 - (len(self.arguments) - 1 - place) % self.repeats
        ]

    def called_with(self, terms: Sequence[Term]) -> Term:
        """The call as SQL. Raises Misfit where a type does not fit."""
        accepted = [self.argument(n).accepted(self.name, term) for n, term in enumerate(terms)]
        return self.compile(accepted)

    def document(self) -> dict[str, object]:
        """The function as JSON, for the page's completion."""
        return {
            "name": self.name,
            "signature": self.signature,
            "returns": self.returns,
            "help": self.help,
            "example": self.example,
            "gives": self.gives,
            "also": list(self.also),
        }


# ------------------------------------------------ what arguments take

MOMENT_KINDS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
TEXTS = Takes("text", frozenset({Kind.TEXT}), TEXT, ": write str(x)")
NUMBER = Takes("a number", NUMBERS, INTEGER)
WHOLE = Takes("a whole number", frozenset({Kind.INTEGER}), INTEGER, ": write int(x)")
DAYS = Takes("a date, a timestamp or an instant", MOMENT_KINDS, DATE)
ONE_DAY = Takes("a date", frozenset({Kind.DATE}), DATE, ": write date(x)")
ONE_TIME = Takes("a time", frozenset({Kind.TIME}), TIME, ": write time(x)")
CLOCKS = Takes(
    "a time, a timestamp or an instant", MOMENT_KINDS - {Kind.DATE} | {Kind.TIME}, TIMESTAMP
)
BYTES_TOO = Takes("text or bytes", frozenset({Kind.TEXT, Kind.BYTES}), TEXT, ": write str(x)")
JSON_TEXT = Takes("json or text", frozenset({Kind.JSON, Kind.TEXT}), JSON)
CONDITION = Takes("a condition", frozenset({Kind.BOOLEAN}), BOOLEAN, ": compare it, as in x != 0")

A_TEXT = Argument("text", TEXTS)
AN_X = Argument("x", NUMBER)
ANY_X = Argument("x", None)


def one_of(*choices: str) -> Literal:
    """A literal that is one of these words."""
    listed = ", ".join(f"'{choice}'" for choice in choices)

    def wrong(value: str | int) -> str | None:
        return None if value in choices else f"must be one of {listed}, not {_shown(value)}"

    return Literal(f"one of {listed}", wrong, choices)


def whole_between(least: int, most: int) -> Literal:
    said = f"a whole number from {least} to {most}"

    def wrong(value: str | int) -> str | None:
        fits = isinstance(value, int) and least <= value <= most
        return None if fits else f"must be {said}, not {_shown(value)}"

    return Literal(said, wrong)


def _shown(value: str | int) -> str:
    return (
        f"{value!r:.60}"
        if isinstance(value, str)
        else f"{value:.6e}"
        if abs(value) > 10**20
        else str(value)
    )


def text_literal_of(term: Term) -> str:
    assert isinstance(term.value, str)
    return term.value


def whole_literal_of(term: Term) -> int:
    assert term.value is not None
    return int(term.value)


# ------------------------------------------------ how calls become SQL


def plain(template: str, of: Type, may_fail: bool = False) -> Compile:
    """A function that is one of DuckDB's: the template holds {0}, {1} for the arguments' SQL."""

    def compiled(terms: Sequence[Term]) -> Term:
        sql = template.format(*(term.sql for term in terms))
        return Term(sql, of, may_fail=may_fail or any_fails(terms))

    return compiled


def guarded(
    of: Type,
    message: str,
    is_wrong: Callable[..., str],
    body: Callable[..., str],
    *values: str,
    shown: int | None = None,
) -> Term:
    """`body` of the values, NULL where one of them is; where `is_wrong` is true, the row fails with the message and the value `shown`."""

    def checked(*names: str) -> str:
        failed = fail(message, of, None if shown is None else names[shown])
        unknown = " OR ".join(f"{name} IS NULL" for name in names)
        return case((unknown, cast("NULL", of)), (is_wrong(*names), failed), otherwise=body(*names))

    return Term(let(checked, *values), of, may_fail=True)
