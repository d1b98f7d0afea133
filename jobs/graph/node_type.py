"""What a type of nodes is: one object, made in one file of jobs/graph/nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from jobs.graph.example import Example
from jobs.graph.fields.checks import MAX_COLUMNS, shown
from jobs.graph.fields.code import CODE_TYPES, MAX_CODE
from jobs.graph.fields.field import UNNAMED as UNNAMED
from jobs.graph.fields.field import Field, Need
from jobs.graph.fields.shared import REJECT_FIELDS
from jobs.graph.fields.wrong_fields import WrongField as WrongField
from jobs.graph.fields.wrong_fields import report
from jobs.graph.rows.known import MOST_COLUMNS, Known, there_is_no
from program_lib.columns.join_columns import key_error
from program_lib.common_types import common_schema
from program_lib.errors import ProgramError
from program_lib.expressions import (
    MAX_LENGTH,
    NO_PARAMETERS,
    ExpressionError,
    compile_expression,
    parse,
)
from program_lib.parameters import Value
from program_lib.rejects import REJECTED
from program_lib.reshape.keys import ASCENDING, NULLS_LAST, Order
from program_lib.types import Kind, Schema, Type, listed

NOTHING = Known()
Together = Callable[[list[Schema]], Schema]  # raises ProgramError


@dataclass(frozen=True, slots=True)
class Size:
    """What a configuration costs to check: characters of expressions, entries of lists."""

    characters: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Port:
    """Where rows enter or leave a node that has more than one place for it; edges name it."""

    name: str
    label: str

    def document(self) -> dict[str, str]:
        """This port as JSON."""
        return {"name": self.name, "label": self.label}


def _nothing_more(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class ReadBy:
    """The type of an input that reads what an output wrote, the fields that both have, and what else it needs."""

    name: str
    shared: tuple[str, ...]
    more: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _nothing_more


REJECT_PORT = Port(REJECTED, REJECTED)


def nothing_known(config: Mapping[str, Any], known: Known) -> Known:
    """Of a type that gives columns which only the engine tells."""
    return Known()


def common(config: Mapping[str, Any]) -> Together:
    """Rows of several nodes enter one input with the same columns."""
    return common_schema


@dataclass(frozen=True, slots=True)
class NodeType:
    """What a node of this type is called, which ports it has, and what its configuration holds."""

    name: str
    label: str
    help: str
    has_input: bool
    has_output: bool
    fields: tuple[Field, ...]
    # How the program runs it: a class of program_lib.nodes, or with its module, what its function needs, and the lines of that function,
    # a template that prints the node's `config` by the filters of the generator
    runs_as: str
    imports: tuple[str, ...]
    template: str
    example: Example  # what its page shows, and a test runs
    # What is known of the columns that it gives before the program runs, by its configuration and what is known of
    # the columns that come in. Raises WrongField where a type is wrong. What names columns that are not there is told
    # by the fields that say so (Field.reads); the rule leaves it out.
    known_columns: Callable[[Mapping[str, Any], Known], Known] = nothing_known
    # Ports that have names; a type without has at most one input and one output, which have none. Each needs an edge
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    inputs_in: str | None = None  # the field whose entries name inputs, by their member `port`
    outputs_in: str | None = None  # the field whose entries name outputs, before those of `outputs`
    # As known_columns, of a type with named inputs: what is known of each by its port
    known_by_port: Callable[[Mapping[str, Any], Mapping[str, Known]], Known] | None = None
    # How the columns of several nodes that feed one input become one schema
    together: Callable[[Mapping[str, Any]], Together] = common
    described: bool = False  # whether the engine is asked for its columns, as for those of a source
    # Whether that is only done for somebody who asks to see its rows: it would ask other people's servers
    asked_by_hand: bool = False
    one_of: tuple[str, ...] = ()  # exactly one of these fields is given
    writes: str | None = None  # the field with the path of the file that it writes
    read_by: ReadBy | None = None  # of an output: how what it wrote is looked at
    # Whether rows that fail may leave it by an output for them; adds REJECT_FIELDS
    rejects: bool = False

    # Whether it runs code of the graph's author: only where the operator allows it (jobs/graph/fields/code.py)
    runs_code: bool = False

    def __post_init__(self) -> None:
        assert self.runs_code == (self.name in CODE_TYPES)
        if self.rejects:
            object.__setattr__(self, "fields", (*self.fields, *REJECT_FIELDS))

    def config_errors(self, config: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
        """Every error of a configuration: (the field or None, a sentence)."""
        known = {field.name for field in self.fields}
        for name in config:
            if name not in known:
                yield (
                    name,
                    f"there is no field {shown(name)}; {self.label} has {', '.join(sorted(known))}",
                )
        for field in self.fields:
            value = config.get(field.name)
            if value is not None:
                for message in field.errors(value):
                    yield field.name, message
            elif field.required and field.default is None:
                yield field.name, f"{field.label} is missing"
        yield from self._one_of_errors(config)
        for field in self.fields:
            if field.needed_for is not None:
                yield from self._need_errors(config, field, field.needed_for)

    def size(self, config: Mapping[str, Any]) -> Size:
        """Without what is refused by its own length and so never looked at."""
        values = [
            config.get(f.name)
            for f in self.fields
            if f.kind in ("columns", "names", "types", "keep", "entries")
        ]
        lists = [value for value in values if isinstance(value, list) and len(value) <= MAX_COLUMNS]
        texts = [config.get(f.name) for f in self.fields if f.kind == "expression"]
        members = ("expression", "condition")
        texts += [
            e.get(m) for entries in lists for e in entries if isinstance(e, dict) for m in members
        ]
        lengths = [len(text) for text in texts if isinstance(text, str)]
        code = [config.get(f.name) for f in self.fields if f.kind == "python"]
        lengths_of_code = [len(text) for text in code if isinstance(text, str)]
        characters = sum(n for n in lengths if n <= MAX_LENGTH)
        characters += sum(n for n in lengths_of_code if n <= MAX_CODE)
        return Size(characters, sum(map(len, lists)))

    @property
    def class_path(self) -> str:
        """The class that runs it, with its module."""
        return self.runs_as if "." in self.runs_as else f"program_lib.nodes.{self.runs_as}"

    def input_ports(self, config: Mapping[str, Any]) -> tuple[Port, ...]:
        """The inputs of a node with this configuration, which has no errors; none: it has at most one, without a name."""
        return (*_ports_in(config, self.inputs_in), *self.inputs)

    def output_ports(self, config: Mapping[str, Any]) -> tuple[Port, ...]:
        """The outputs of a node with this configuration, which has no errors; none: it has at most one, without a name."""
        named = self._named_outputs(config)
        if not self.rejects_by_port(config):
            return named
        first = (Port(UNNAMED, UNNAMED),) if self.has_output and not named else named
        return (*first, REJECT_PORT)

    def rejects_by_port(self, config: Mapping[str, Any]) -> bool:
        """Whether it has the output for rejected rows: not where a field gives that name to another one."""
        return self.rejects and REJECT_PORT not in self._named_outputs(config)

    def _named_outputs(self, config: Mapping[str, Any]) -> tuple[Port, ...]:
        return (*_ports_in(config, self.outputs_in), *self.outputs)

    def columns_known(self, config: Mapping[str, Any], by_port: Mapping[str, Known]) -> Known:
        """What is known of the columns that it gives. Raises WrongField where a type is wrong.

        Within `collecting`, an error that leaves the other columns alone is told there instead.
        """
        self._report_missing(config, by_port)
        given = self._columns_by_rule(config, by_port)
        return given if len(given.some) <= MOST_COLUMNS else NOTHING

    def _report_missing(self, config: Mapping[str, Any], by_port: Mapping[str, Known]) -> None:
        for field in self.fields:
            for name, port in field.columns_read(config.get(field.name)):
                known = by_port.get(port, NOTHING)
                if known.lacks(name) and not (field.in_any_case and known.has_in_any_case(name)):
                    report(partial(_missing, field, name, known, port))

    def _columns_by_rule(self, config: Mapping[str, Any], by_port: Mapping[str, Known]) -> Known:
        if self.known_by_port is None:
            return self.known_columns(config, by_port.get(UNNAMED, NOTHING))
        ports = [port.name for port in self.input_ports(config)]
        return self.known_by_port(config, {port: by_port.get(port, NOTHING) for port in ports})

    @property
    def is_described(self) -> bool:
        """Whether only the engine knows all columns that it gives: of a source, and where the type says so."""
        return self.described or not self.has_input

    def with_defaults(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration with each field that was not given at its default, fields without one left out."""
        given = {name: value for name, value in config.items() if value is not None}
        defaults = {field.name: field.default for field in self.fields if field.default is not None}
        return {**defaults, **given}

    def document(self) -> dict[str, Any]:
        """This type as JSON, for the page's palette and forms."""
        return {
            "name": self.name,
            "label": self.label,
            "help": self.help,
            "hasInput": self.has_input,
            "hasOutput": self.has_output,
            "inputs": [port.document() for port in self.inputs],
            "outputs": [port.document() for port in self.outputs],
            "inputsIn": self.inputs_in,
            "outputsIn": self.outputs_in,
            "rejects": self.rejects,
            "fields": [field.document() for field in self.fields],
            "oneOf": list(self.one_of),
        }

    def _one_of_errors(self, config: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
        if not self.one_of:
            return
        given = [name for name in self.one_of if config.get(name) is not None]
        labels = " or ".join(field.label for field in self.fields if field.name in self.one_of)
        if not given:
            yield self.one_of[0], f"{labels} is missing"
        elif len(given) > 1:
            yield given[1], f"only one of {labels} can be given"

    def _need_errors(
        self, config: Mapping[str, Any], field: Field, need: Need
    ) -> Iterator[tuple[str | None, str]]:
        [choice] = [other for other in self.fields if other.name == need.field]
        chosen = config.get(choice.name)
        chosen = choice.default if chosen is None else chosen
        is_given = config.get(field.name) not in (None, [])
        if chosen in need.values and not is_given:
            yield field.name, f"{field.label} is missing: {choice.label} {chosen} needs it"
        elif chosen in choice.choices and chosen not in need.values and is_given:
            values = " or ".join(need.values)
            yield (
                field.name,
                f"{field.label} is only for {choice.label} {values}, and not for {chosen}: leave it out",
            )


def _missing(field: Field, name: str, known: Known, port: str) -> WrongField:
    return WrongField(field.name, f"{field.label}: {there_is_no(name, known, port)}", name)


def _ports_in(config: Mapping[str, Any], field: str | None) -> Iterator[Port]:
    """The ports that the entries of a field name."""
    return (Port(entry["port"], entry["port"]) for entry in (config[field] if field else ()))


def order_of(entry: Mapping[str, str]) -> Order:
    """An entry of ORDER_MEMBERS as a program has it."""
    return entry["column"], entry.get("direction") or ASCENDING, entry.get("nulls") or NULLS_LAST


def known_orders(entries: Iterable[Mapping[str, str]], known: Known) -> list[Order]:
    """Those of the columns whose types are known."""
    return [order_of(entry) for entry in entries if known.column(entry["column"])]


@contextmanager
def told_beside(field: str) -> Iterator[None]:
    """What a program would refuse of the columns' types is this field's error."""
    try:
        yield
    except ProgramError as error:
        raise WrongField(field, str(error)) from None


def key_errors(on: Iterable[Mapping[str, str]], left: Known, right: Known) -> None:
    """Raises WrongField where keys of known types cannot be compared."""
    for pair in on:
        one, other = left.column(pair["left"]), right.column(pair["right"])
        if one and other and (wrong := key_error(one, other)):
            raise WrongField("on", wrong)


_declared: ContextVar[Mapping[str, Value]] = ContextVar("parameters", default=NO_PARAMETERS)


@contextmanager
def declaring(parameters: Mapping[str, Value]) -> Iterator[None]:
    """Within, expressions may read these parameters: those of the graph that is looked at."""
    token = _declared.set(parameters)
    try:
        yield
    finally:
        _declared.reset(token)


def _there_are(parameters: Mapping[str, Value]) -> str:
    return f"there are {listed(parameters)}" if parameters else "the job declares none"


def type_of(expression: str, known: Known, field: str, wanted: Kind | None = None) -> Type | None:
    """The type of an expression; None where it reads columns whose types are not known, or its error is collected."""
    try:
        return _checked(expression, known, field, wanted)
    except WrongField as wrong:
        error = wrong  # the name of an except clause is gone behind it
    report(lambda: error)
    return None


def _checked(expression: str, known: Known, field: str, wanted: Kind | None) -> Type | None:
    parsed = parse(expression)
    parameters = _declared.get()
    for name in parsed.parameters:  # also where columns are not known
        if name not in parameters:
            raise WrongField(
                field, f"there is no parameter {shown(name)}; {_there_are(parameters)}", expression
            )
    for name in parsed.columns:
        if known.lacks(name):
            raise WrongField(
                field, f"{there_is_no(name, known)} (in {shown(expression)})", expression
            )
    read = [column for name in parsed.columns if (column := known.column(name)) is not None]
    if len(read) < len(parsed.columns):
        return None
    try:
        found = compile_expression(parsed, Schema(read), parameters).type
    except ExpressionError as error:
        raise WrongField(field, str(error), expression) from None
    if wanted is not None and found.kind is not wanted:
        message = f"it must be {wanted}, and this is {found}: {shown(expression)}"
        raise WrongField(field, message, expression)
    return found
