"""The values that this program was started with: by its command line, or by the run that it belongs to."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from program_lib.parameters.parameter import (
    CHOICE_TYPE,
    Parameter,
    Value,
    WrongParameters,
    resolved,
)

VARIABLE = "RUN_PARAMETERS"  # of the environment of a run's program: {"name": text or null} as JSON
WRONG_USAGE = 2  # exit code
_NONE: Mapping[str, Value] = MappingProxyType({})
_taken: Mapping[str, Value] = _NONE  # of this process, set once before any node works


def take_parameters(declared: Sequence[Parameter]) -> None:
    """Takes values from the command line, else from the run, else the defaults.

    Ends the program for --help, and with WRONG_USAGE where a value is missing or wrong.
    """
    parser = _parser(declared)
    given = {**_of_run(), **_of_command_line(parser)}
    try:
        texts = resolved(declared, given)
    except WrongParameters as error:
        parser.exit(WRONG_USAGE, f"{parser.format_usage()}{error}\n")
    set_taken({one.name: one.value(texts[one.name]) for one in declared})


def taken() -> Mapping[str, Value]:
    """The values by name; none in a program that declares no parameters."""
    return _taken


def set_taken(values: Mapping[str, Value]) -> None:
    global _taken
    _taken = MappingProxyType(dict(values))


def _of_run() -> dict[str, Any]:
    return dict(json.loads(os.environ.get(VARIABLE) or "{}"))


def _of_command_line(parser: argparse.ArgumentParser) -> dict[str, Any]:
    found = vars(parser.parse_args(sys.argv[1:]))
    return {name: text for name, text in found.items() if text is not None}


def _parser(declared: Sequence[Parameter]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Runs the program with these values of its parameters."
    )
    for parameter in declared:
        # text as it is: a wrong value is told as the server tells it
        parser.add_argument(f"--{parameter.name}", metavar=parameter.type, help=_help(parameter))
    return parser


def _help(parameter: Parameter) -> str:
    said = [parameter.help] if parameter.help else []
    if parameter.type == CHOICE_TYPE:
        said.append(f"one of {', '.join(parameter.choices)}")
    if parameter.default is not None:
        said.append(f"by default {parameter.default}")
    elif parameter.required:
        said.append("required")
    return "; ".join(said).replace("%", "%%")  # argparse formats it
