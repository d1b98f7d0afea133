"""The parameters that a graph declares, and where its nodes name them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.graph.fields.checks import shown, text_errors
from jobs.graph.fields.field import Field
from program_lib.parameters import TYPES, Parameter, Value, WrongValue, named_in
from program_lib.parameters.placeholders import DIALECTS, placeholders
from program_lib.types import listed

MAX_PARAMETERS = 50  # of a graph; a form with more is one that nobody fills in
MAX_CHOICES = 200  # of one parameter, and so entries of the form's list
MAX_HELP = 300  # characters
MEMBERS = ("name", "type", "default", "required", "choices", "help")
RESERVED = frozenset({"help"})  # options that every program has
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)


def parse_parameters(entries: Any, errors: list[str]) -> tuple[Parameter, ...]:
    """The parameters in a graph document; adds a sentence to `errors` for each that is wrong. None: there are none."""
    if entries is None:
        return ()
    if not isinstance(entries, list):
        errors.append("parameters must be a list")
        return ()
    if len(entries) > MAX_PARAMETERS:
        errors.append(
            f"the job has {len(entries):,} parameters, at most {MAX_PARAMETERS} are allowed"
        )
        return ()
    found: dict[str, Parameter] = {}
    for place, entry in enumerate(entries, 1):
        wrong = list(_entry_errors(entry, place, found))
        errors += wrong
        if not wrong:
            parameter = _parameter(entry)
            found[parameter.name.lower()] = parameter
    return tuple(found.values())


def _entry_errors(entry: Any, place: int, earlier: Mapping[str, Parameter]) -> Iterator[str]:
    where = f"parameter {place}"
    if not isinstance(entry, dict) or not {"name", "type"} <= set(entry) <= set(MEMBERS):
        yield f'{where} must be {{"name": …, "type": …}}, with default, required, choices and help as needed'
        return
    name = entry["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield (
            f"{where}: the name is {shown(name)}: it must begin with a letter, and hold letters a to z, digits"
            " and _, at most 40"
        )
        return
    where = f"the parameter {name}"
    if name.lower() in RESERVED:
        yield f"{where} needs another name: every program has the option --{name.lower()}"
    if name.lower() in earlier:
        yield f"{where} is there twice, whatever its letters' case"
    yield from _rest_errors(entry, where)


def _rest_errors(entry: Mapping[str, Any], where: str) -> Iterator[str]:
    of_type = entry["type"]
    if not isinstance(of_type, str) or of_type not in TYPES:
        yield f"{where}: the type is {shown(of_type)}, it must be one of {', '.join(TYPES)}"
        return
    if not isinstance(entry.get("required") or False, bool):
        yield f"{where}: required must be true or false"
        return
    if help_text := entry.get("help"):
        yield from (f"{where}: the help {said}" for said in text_errors(help_text, MAX_HELP, False))
    wrong = list(_choices_errors(of_type, entry.get("choices"), where))
    yield from wrong
    if not wrong and entry.get("default") is not None:
        yield from _default_errors(entry, where)


def _choices_errors(of_type: str, choices: Any, where: str) -> Iterator[str]:
    if of_type != "choice":
        if choices not in (None, []):
            yield f"{where}: only the type choice has choices"
        return
    if not isinstance(choices, list) or not 0 < len(choices) <= MAX_CHOICES:
        yield f"{where}: a choice needs a list of 1 to {MAX_CHOICES} choices"
        return
    of_texts = Parameter("", "text")
    for choice in choices:
        try:
            if not of_texts.text_of(choice).strip():
                yield f"{where}: a choice is empty"
        except WrongValue as error:
            yield f"{where}: a choice {error}"
            return
    if len(set(choices)) < len(choices):
        yield f"{where}: a choice is there twice"


def _default_errors(entry: Mapping[str, Any], where: str) -> Iterator[str]:
    try:
        _parameter({**entry, "default": None}).text_of(entry["default"])
    except WrongValue as error:
        yield f"{where}: the default {error}"


def _parameter(entry: Mapping[str, Any]) -> Parameter:
    default = entry.get("default")
    made = Parameter(
        name=entry["name"],
        type=entry["type"],
        required=bool(entry.get("required")),
        choices=tuple(entry.get("choices") or ()),
        help=entry.get("help") or "",
    )
    if default is None:
        return made
    return Parameter(
        made.name, made.type, made.text_of(default), made.required, made.choices, made.help
    )


def parameter_documents(parameters: Sequence[Parameter]) -> list[dict[str, Any]]:
    """Parameters as JSON; `parse_parameters` of them gives equal ones."""
    told = (
        {
            "name": one.name,
            "type": one.type,
            "default": one.default,
            "required": one.required,
            "choices": list(one.choices),
            "help": one.help,
        }
        for one in parameters
    )
    return [
        {key: value for key, value in entry.items() if value not in (None, [], "")}
        for entry in told
    ]


def without_values(parameters: Sequence[Parameter]) -> dict[str, Value]:
    """The parameters with their types alone, as expressions are checked before a run."""
    return {one.name: one.value(None) for one in parameters}


def values_of(parameters: Sequence[Parameter], texts: Mapping[str, str | None]) -> dict[str, Value]:
    """The parameters with the values of a run."""
    return {one.name: one.value(texts.get(one.name)) for one in parameters}


def naming_errors(field: Field, value: Any, declared: Mapping[str, Value]) -> Iterator[str]:
    """What is wrong with the parameters that a field's text names; a graph without parameters names none."""
    if not declared or not isinstance(value, str):
        return
    if field.kind in ("path", "table", "url"):
        unknown = [name for name in named_in(value) if name not in declared]
        yield from (f"{field.label} names {{{name}}}{_none(name, declared)}" for name in unknown)
    elif field.kind in ("connection", "http_connection"):
        named = [name for name in named_in(value) if name in declared]
        yield from (
            f"{field.label} names {{{name}}}: a parameter stands in SQL, paths, names of tables, URLs and expressions,"
            " and not in a connection"
            for name in named
        )
    elif field.kind == "sql":
        yield from (
            f"{field.label} names :{name}{_none(name, declared)}"
            for name in _in_any_sql(value)
            if name not in declared
        )


def _none(name: str, declared: Mapping[str, Value]) -> str:
    return f", and there is no parameter {name}; there are {listed(declared)}"


def _in_any_sql(query: str) -> list[str]:
    """The names after a colon, whichever database reads the SQL: which one it is may be known to the server alone."""
    first, *others = (placeholders(query, dialect) for dialect in DIALECTS)
    return [name for name in first if all(name in other for other in others)]
