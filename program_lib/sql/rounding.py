"""Numbers that DuckDB would round without a word.

Where two decimals meet that have no room in 38 digits together, in a CASE, `coalesce`, `greatest`, IN or UNION, it cuts
digits after the point; a sum of decimals takes all 38. So each cast that nobody wrote is looked at, in its own plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from program_lib.sql.allowed import QueryRefused, position_of, tree
from program_lib.sql.tables import WHOLE_DIGITS
from program_lib.types import MAX_DIGITS

Found = Mapping[str, Any]
Digits = tuple[int, int]  # of a decimal: all of them, and those after the point
Place = tuple[int, int]  # the first byte in the query, and how many there are


def check_nothing_is_rounded(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raises QueryRefused for a number that would lose digits, unless the query says so by a CAST or what it has are zeros."""
    casts = (found for found in _parts(tree(connection, query)) if found.get("class") == "CAST")
    written = {_place(cast): _digits_written(cast["type_expr"]) for cast in casts}
    for found in _parts(_plan(connection, query)):
        # A cast that a person wrote and that changes nothing is none in the plan: in its place is what is made of its value
        if _loses_digits(found) and written.get(_place(found)) != _digits(found["return_type"]):
            raise QueryRefused(_told(found), position_of(found))


def _plan(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    [[text]] = connection.execute("SELECT json_serialize_plan(?)", [query]).fetchall()
    try:
        return json.loads(text).get("plans", [])
    except RecursionError:
        raise QueryRefused("it is nested too deeply") from None


def _parts(whole: Any) -> Iterator[Found]:
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _digits_written(type_: Found) -> Digits:
    """Of DECIMAL(10, 2) as a query has it: 10 and 2."""
    literals = (child.get("literal", {}) for child in type_["children"])
    written = [int(literal["text"]) for literal in literals if literal.get("kind") == "INTEGER"]
    width, scale = {0: (18, 3), 1: (*written, 0)}.get(len(written), written)
    return width, scale


def _place(found: Found) -> Place:
    return found["query_location"], found["query_location_length"]


def _loses_digits(found: Found) -> bool:
    """Whether it is a cast of a decimal to one with fewer digits after the point, of more than zeros."""
    if found.get("type") != "OPERATOR_CAST" or "arguments" not in found:
        return False
    before, after = _digits(found["arguments"][0]), _digits(found["return_type"])
    if before is None or after is None or before[1] <= after[1]:
        return False
    [value] = found["children"]
    return value["type"] != "VALUE_CONSTANT" or _has_more(value["value"], before[1] - after[1])


def _digits(type_: Found) -> Digits | None:
    """Of a decimal, its digits and those after the point."""
    about = type_["type_info"]
    return (about["width"], about["scale"]) if type_["id"] == "DECIMAL" else None


def _has_more(constant: Found, zeros: int) -> bool:
    """Whether a decimal that is written in the query ends with fewer zeros."""
    if constant["is_null"]:
        return False
    whole = constant["value"]
    if isinstance(whole, dict):  # more than 64 bits
        whole = whole["upper"] * 2**64 + whole["lower"]
    return bool(whole % 10**zeros)


def _told(cast: Found) -> str:
    before, after = _digits(cast["arguments"][0]), _digits(cast["return_type"])
    assert before is not None
    assert after is not None
    room = min(MAX_DIGITS, WHOLE_DIGITS + before[1])
    return (
        f"a DECIMAL({before[0]},{before[1]}) would be rounded to a DECIMAL({after[0]},{after[1]}) here, where it meets another"
        f" number: CAST that, as in CAST(x AS DECIMAL({room}, {before[1]})), or this one, if it is to be rounded"
    )
