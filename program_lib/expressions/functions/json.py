"""Functions that look into JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from program_lib.expressions.functions.function import (
    JSON_TEXT,
    TEXTS,
    Argument,
    Function,
    Literal,
    guarded,
    text_literal_of,
)
from program_lib.expressions.quoting import case, cast, let, quoted
from program_lib.expressions.terms import Term
from program_lib.types import BOOLEAN, INTEGER, TEXT, Type

_STEP = re.compile(r"\.?([^.\[\]]+)|\[([0-9]{1,9})\]")
# What DuckDB takes though it is not JSON, outside of strings: NaN, Infinity, a comma before a bracket
_STRINGS = r'"(?:[^"\\]|\\.)*"'
_LAX = r"(?i)nan|inf|,\s*[\]}]"
# Of JSON, outside of strings: a number of more digits than the 15 that a double keeps of any, or so small that it may
# keep fewer, or none; and all else that has digits
_MANY_DIGITS = r"-?[0-9.]{16,}(?:[eE][+-]?[0-9]+)?|-?[0-9.]+[eE]-[0-9]{3,}"
_MAY_HAVE_MANY = "[0-9.]{16}|[eE]-[0-9]{3}"
_OTHERS = rf"{_STRINGS}|-?[0-9.]+(?:[eE][+-]?[0-9]+)?"


def path_error(path: str | int) -> str | None:
    if isinstance(path, str) and _pointer(path) is not None:
        return None
    return f"must be a path, as 'customer.name' or 'items[0].price', not {path!r:.60}"


def _pointer(path: str) -> str | None:
    """The path as a JSON pointer; None for what is none."""
    rest, place, steps = path.removeprefix("$"), 0, []
    while place < len(rest):
        found = _STEP.match(rest, place)
        if found is None:
            return None
        steps.append((found[1] or found[2]).replace("~", "~0").replace("/", "~1"))
        place = found.end()
    return "".join(f"/{step}" for step in steps)


def _is_json(text: str) -> str:
    bare = f"regexp_replace({text}, {quoted(_STRINGS)}, '0', 'g')"
    return f"(json_valid({text}) AND NOT regexp_matches({bare}, {quoted(_LAX)}))"


def _of_json(of: Type, terms: Sequence[Term], found: Callable[[str, str], str]) -> Term:
    """`found` takes the SQL of the JSON and of the pointer."""
    pointer = quoted(_pointer(text_literal_of(terms[1])) or "")
    return guarded(
        of,
        "this is not JSON: ",
        lambda text: f"NOT {_is_json(text)}",
        lambda text: found(text, pointer),
        terms[0].sql,
        shown=0,
    )


def _text(terms: Sequence[Term]) -> Term:
    return _of_json(TEXT, terms, _member)


def _member(json: str, pointer: str) -> str:
    """A number that a double does not keep is given as it is written, for which it becomes a string while DuckDB, which would make
    a double of it, looks into the JSON."""
    value = f"json_extract_string({{}}, {pointer})"
    has_many = f"regexp_matches({json}, {quoted(_MAY_HAVE_MANY)})"
    return case(
        (has_many, _without_marks(value.format(_with_marks(json)), json)),
        otherwise=value.format(json),
    )


def _with_marks(json: str) -> str:
    """The JSON with each number of many digits as a string, between two marks of which no other string holds any.

    Control characters stand in no JSON: around each number and each string they are found again.
    """
    pattern = quoted(f"({_MANY_DIGITS})|({_OTHERS})")
    parted = rf"regexp_replace({json}, {pattern}, '\2' || chr(1) || '\1' || chr(2), 'g')"
    opened = f"replace(replace({parted}, chr(1) || chr(2), ''), chr(1), '\"' || {_mark(json)})"
    return f"replace({opened}, chr(2), {_mark(json)} || '\"')"


def _without_marks(value: str, json: str) -> str:
    mark = _mark(json)
    bare = f"replace(replace({value}, '\"' || {mark}, ''), {mark} || '\"', '')"
    return f"replace({bare}, {mark}, '')"  # of the value itself, which has lost its quotes


def _mark(json: str) -> str:
    """What stands in no string of this JSON, whoever wrote it."""
    return f"md5({json})"


def _has(terms: Sequence[Term]) -> Term:
    return _of_json(BOOLEAN, terms, lambda json, pointer: f"json_exists({json}, {pointer})")


def _count(terms: Sequence[Term]) -> Term:
    return _of_json(INTEGER, terms, _length)


def _length(json: str, pointer: str) -> str:
    length = cast(f"json_array_length({json}, {pointer})", INTEGER)
    return case((f"json_type({json}, {pointer}) = 'ARRAY'", length), otherwise="NULL")


def _valid(terms: Sequence[Term]) -> Term:
    return Term(let(_is_json, terms[0].sql), BOOLEAN, may_fail=terms[0].may_fail)


_JSON = Argument("json", JSON_TEXT)
_PATH = Argument("path", TEXTS, literal=Literal("a path, as 'items[0].price'", path_error))

FUNCTIONS = (
    Function("json_text", (_JSON, _PATH), "text", "The member at this path as text: a string without its quotes, a number, true, false, a list or an object as JSON; NULL for null and where there is none. Of two members of one name it is the first.", """json_text('{"a": {"b": [1, "x"]}}', 'a.b[1]')""", "'x'", _text, also=("json_extract", "json_value", "get_json_object", "json_extract_string", "json_get", "jsonpath", "json_number")),
    Function("json_has", (_JSON, _PATH), "boolean", "Whether there is a member at this path, null or not.", """json_has('{"a": null}', 'a')""", "True", _has, also=("json_exists", "json_contains_path")),
    Function("json_count", (_JSON, _PATH), "integer", "How many elements the list at this path has; NULL where there is no list.", """json_count('{"a": [1, 2]}', 'a')""", "2", _count, also=("json_array_length", "json_length", "array_length")),
    Function("json_valid", (Argument("text", TEXTS),), "boolean", "Whether the text is JSON.", "json_valid('{')", "False", _valid, also=("is_json", "isjson")),
)  # fmt: skip
