"""What a program can be told when it starts: typed values by name, declared in the job's graph.

An expression reads one as param("day"), the SQL of an input as :day, a path, a table's name or a URL as {day}.
None of this imports DuckDB or Arrow: the web server checks values with it.
"""

from __future__ import annotations

from program_lib.parameters.filling import in_path, in_table, in_url, named_in
from program_lib.parameters.parameter import (
    TYPES,
    Parameter,
    Value,
    WrongParameters,
    WrongValue,
    resolved,
)
from program_lib.parameters.taken import take_parameters, taken

__all__ = [
    "TYPES",
    "Parameter",
    "Value",
    "WrongParameters",
    "WrongValue",
    "in_path",
    "in_table",
    "in_url",
    "named_in",
    "resolved",
    "take_parameters",
    "taken",
]
