"""Expressions of filter and map: what they may say, and what DuckDB computes for them.

`parse` checks the text and needs no types: the web server calls it. `compile_expression` gives an expression a type and
SQL, for columns of known types: the editor and the running program call it. None of this imports DuckDB or Arrow.
"""

from __future__ import annotations

from program_lib.expressions.changes import changed_meanings
from program_lib.expressions.compiler import NO_PARAMETERS, Compiled, compile_expression
from program_lib.expressions.functions import FUNCTIONS, GROUPS, Function, functions_document
from program_lib.expressions.quoting import DISABLED_OPTIMIZERS, identifier
from program_lib.expressions.syntax import (
    MAX_LENGTH,
    ExpressionError,
    Parsed,
    parse,
)

__all__ = [
    "DISABLED_OPTIMIZERS",
    "FUNCTIONS",
    "GROUPS",
    "MAX_LENGTH",
    "NO_PARAMETERS",
    "Compiled",
    "ExpressionError",
    "Function",
    "Parsed",
    "changed_meanings",
    "compile_expression",
    "functions_document",
    "identifier",
    "parse",
]
