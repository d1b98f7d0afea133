"""Code of a person in a graph: whether this server runs it, and what can be seen of it without running it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

FUNCTION = "transform"  # what the code defines
MAX_CODE = 20_000  # characters; a longer one is a program of its own
# Python compiles lambdas within each other in the square of their number: 2,800 of them in 7 s and 150 MB
MAX_LAMBDAS = 100
CODE_TYPES = frozenset(
    {"python"}
)  # of nodes; not node_types.py, which the checks of fields come before
NOT_ALLOWED = (
    "runs Python code, which is off on this server: whoever keeps it may set PYTHON_NODES=on"
    " (docs/python.md says what that allows)"
)
_FILE = "<transform>"
_is_allowed = False  # of this process, set once at its start by the operator's setting


def allow_code(is_allowed: bool) -> None:
    """Whether graphs with code are taken by this process. They are not, unless this says so."""
    global _is_allowed
    _is_allowed = is_allowed


def is_code_allowed() -> bool:
    return _is_allowed


def nodes_with_code(document: Mapping[str, Any]) -> Iterator[int | None]:
    """The ids of the nodes of a graph document that run code. It may have any error."""
    nodes = document.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        name = node.get("type") if isinstance(node, dict) else None
        if isinstance(name, str) and name in CODE_TYPES:
            yield node["id"] if type(node.get("id")) is int else None


def code_errors(text: str) -> Iterator[str]:
    """What is wrong with code as far as its compiler sees it. Nothing of it is run."""
    if len(text) > MAX_CODE:
        yield f"has {len(text):,} characters, at most {MAX_CODE:,} are allowed"
        return
    if (lambdas := len(re.findall(r"\blambda\b", text))) > MAX_LAMBDAS:
        yield f"has {lambdas} lambdas, at most {MAX_LAMBDAS} are allowed"
        return
    # what the compiler warns of is for its author, and no line of the server's log
    warnings.filterwarnings("ignore", module=re.escape(_FILE))
    try:
        made = compile(text, _FILE, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = (
            "" if error.lineno is None else f" (line {error.lineno}, column {error.offset or 1})"
        )
        yield f"is no Python: {error.msg}{place}"
    except (MemoryError, RecursionError):
        yield "is nested too deeply"
    except ValueError as error:
        yield f"is no Python: {error}"
    else:
        yield from _function_errors(made)


def _function_errors(made: CodeType) -> Iterator[str]:
    if FUNCTION not in made.co_names:
        yield f"defines no function {FUNCTION}: begin it with def {FUNCTION}(row):"
        return
    own = [one for one in made.co_consts if isinstance(one, CodeType) and one.co_name == FUNCTION]
    for one in own[-1:]:
        if one.co_flags & (0x80 | 0x200):
            yield f"defines {FUNCTION} as async, which nothing would wait for: leave async out"
        elif one.co_argcount == 0 and not one.co_flags & 0x04:  # not *args either
            yield f"defines {FUNCTION} without an argument: def {FUNCTION}(row):"
