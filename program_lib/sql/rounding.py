"""What DuckDB would round without a word: each cast that nobody wrote is looked at, in its own plan, and each median.

Where two decimals meet that have no room in 38 digits together, in a CASE, `coalesce`, `greatest`, IN or UNION, it cuts
digits after the point; a sum of decimals takes all 38. Where a text meets a whole number, it makes one of '1.5', which is 2,
and of '12:00+02' beside a timestamp without a zone it leaves the zone out. A median of decimals, which may lie between two
of them, is one with as many digits: of 1.00 and 1.01 it makes 1.00.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from program_lib.sql.allowed import QueryRefused, position_of, tree
from program_lib.sql.tables import WHOLE_DIGITS
from program_lib.types import MAX_DIGITS

_WHOLE = frozenset(
    [
        sign + name
        for sign in ("", "U")
        for name in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
    ]
)
_TEXTS = frozenset(("VARCHAR", "TEXT", "STRING", "CHAR", "BPCHAR"))
_ABOUT_TEXTS = (
    "a text would be rounded here, where it meets a number, as '1.5' to 2: CAST it to a type that has its digits,"
    " as in CAST(x AS DECIMAL(18, 2)), or the number to VARCHAR"
)

_ABOUT_ZONES = (
    "the zone of this text would be lost here, where it meets a timestamp without one: leave it out,"
    " or compare instants, as in timezone('UTC', x) = TIMESTAMPTZ '2026-07-31 12:00+02'"
)
_BETWEEN = frozenset(("median", "quantile_cont", "mad"))  # which give values between two
_WITH_ZONE = re.compile(r".*\d:\d\d[^-+/]*(?:[-+](?!0+(?::?0+)*\s*$)\d|[A-Za-z]/).*", re.DOTALL)

# Of a plan in JSON: a constant as JSON has none, which no text in it looks like, since its quotes have backslashes
_NAN = re.compile(r'"value":-?NAN(?=[,}])')

Found = Mapping[str, Any]
Digits = tuple[int, int]  # of a decimal: all of them, and those after the point
Place = tuple[int, int]  # the first byte in the query, and how many there are


class Rounded(QueryRefused):
    """A query in which a number would lose digits: it has `digits` after the point. 0: it is a text."""

    def __init__(self, reason: str, position: int | None, digits: int) -> None:
        super().__init__(reason, position)
        self.digits = digits


def check_nothing_is_rounded(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raises Rounded for a value that would lose digits, unless the query says so by a CAST or what it has are zeros."""
    casts = (found for found in _parts(tree(connection, query)) if found.get("class") == "CAST")
    written = {_place(cast): cast["type_expr"] for cast in casts}
    for found in _parts(_plan(connection, query)):
        if not _is_cast(found) or _is_written(found, written.get(_place(found))):
            continue
        for type_, wanted in _leaves(found["arguments"][0], found["return_type"]):
            if (why := _why_rounded(found["children"][0], type_, wanted)) is not None:
                digits = _digits(type_)
                raise Rounded(why, position_of(found), digits[1] if digits else 0)


def check_no_median_is_cut(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raises QueryRefused for one of decimals, unless a CAST says how many digits it has."""
    whole = tree(connection, query)
    plan = list(_parts(_plan(connection, query)))
    of_lists = [(one, part) for part in plan if (one := _within_a_list(part)) is not None]
    for one, part in of_lists:
        if _is_between_decimals(one) and not _is_of_casts(whole, _place(part)):
            raise _median_refused(one, position_of(part))
    seen = {id(one) for one, _ in of_lists}
    cut = next((part for part in plan if id(part) not in seen and _is_between_decimals(part)), None)
    if cut is None:
        return
    # a plan does not say where it stands, and has no CAST that changes nothing
    if without := [call for call in _calls(whole) if not _has_cast(call)]:
        raise _median_refused(cut, position_of(without[0]) if len(without) == 1 else None)


def _within_a_list(found: Found) -> Found | None:
    """Of `list_aggregate(l, 'median')`, which `list_median(l)` is, too, that median; None of other parts of a plan."""
    about = found.get("function_data") or {}
    bound: Found = about.get("bind_data") or {}
    return bound.get("aggr_expr")


def _is_of_casts(whole: Any, place: Place) -> bool:
    """Whether in the list that a function at this place of a query is of something is written as a CAST to decimals."""
    calls = (part for part in _parts(whole) if part.get("class") == "FUNCTION")
    call = next((call for call in calls if _place(call) == place), None)
    return call is not None and any(
        part.get("class") == "CAST" and _is_to_decimals(part) for part in _parts(call["arguments"])
    )


def _is_to_decimals(cast: Found) -> bool:
    """Whether it names such a type, or one that is made of it, as that of a list."""
    types = (str(part.get("type_name", "")).upper() for part in _parts(cast["type_expr"]))
    return any(type_ in ("DECIMAL", "NUMERIC", "DEC") for type_ in types)


def _median_refused(cut: Found, position: int | None) -> QueryRefused:
    digits = _digits(cut["arguments"][0])
    assert digits is not None
    return QueryRefused(_about_medians(_name(cut), *digits), position)


def _is_between_decimals(found: Found) -> bool:
    """Whether a part of a plan is such a function, of decimals that no CAST has made."""
    if found.get("expression_class") not in ("BOUND_AGGREGATE", "BOUND_WINDOW"):
        return False
    if _name(found) not in _BETWEEN or not found.get("arguments"):
        return False
    return _digits(found["arguments"][0]) is not None and not _is_cast(found["children"][0])


def _name(found: Found) -> str:
    """The function's; "" for a window function that is no aggregate, as row_number."""
    name: str = found["qname"]["path"][-1] if found.get("qname") else ""
    return name


def _calls(whole: Any) -> Iterator[Found]:
    """Such functions of a query."""
    return (part for part in _parts(whole) if part.get("function_name") in _BETWEEN)


def _has_cast(call: Found) -> bool:
    """Whether what it is of is written as a CAST: of `percentile_cont(0.5) WITHIN GROUP (ORDER BY a)` that is what it is ordered by."""
    orders = (call.get("order_bys") or {}).get("orders", ())
    is_within_group = call["function_name"] == "quantile_cont" and len(call["arguments"]) == 1
    [of, *_] = orders if is_within_group and orders else call["arguments"]
    return bool(of["expression"]["class"] == "CAST")


def _about_medians(name: str, width: int, scale: int) -> str:
    more = min(scale + 4, MAX_DIGITS)
    room = min(max(width, WHOLE_DIGITS) + more, MAX_DIGITS)
    return (
        f"the {name} of decimals may lie between two of them, and DuckDB cuts it to the digits that they have:"
        f" CAST them to as many as it is to have, as in CAST(x AS DECIMAL({room}, {more}))"
    )


def _plan(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    [[text]] = connection.execute("SELECT json_serialize_plan(?)", [query]).fetchall()
    try:
        return json.loads(_NAN.sub('"value":null', text)).get("plans", [])
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


def _is_cast(found: Found) -> bool:
    return found.get("type") == "OPERATOR_CAST" and "arguments" in found


def _is_written(cast: Found, type_: Found | None) -> bool:
    """Whether a person wrote it; `type_`: of what was written in its place.

    A CAST that changes nothing is none in the plan: in its place is the cast that is made of its value.
    """
    return type_ is not None and _is_same(type_, cast["return_type"])


def _is_same(written: Found, found: Found) -> bool:
    """Whether a type that is written, such as DECIMAL(10, 2)[], may be one of a plan: of names alone texts are told apart."""
    if (digits := _digits(found)) is not None:
        return _written(written) == digits
    members = list(_members(found).values())
    below = [child for child in written["children"] if child.get("class") == "TYPE"]
    if found["id"] == "MAP":  # a list of keys and values
        members = list(_members(members[0]).values())
    if members:
        return all(map(_is_same, below, members))
    return found["id"] == "VARCHAR" or written["type_name"].upper() not in _TEXTS


def _written(type_: Found) -> Digits:
    """Of DECIMAL(10, 2) as a query has it: 10 and 2."""
    literals = (child.get("literal", {}) for child in type_["children"])
    written = [int(literal["text"]) for literal in literals if literal.get("kind") == "INTEGER"]
    width, scale = {0: (18, 3), 1: (*written, 0)}.get(len(written), written)
    return width, scale


def _place(found: Found) -> Place:
    return found["query_location"], found["query_location_length"]


def _leaves(type_: Found, wanted: Found) -> Iterator[tuple[Found, Found]]:
    """What becomes what: of lists, structs and the like what is in them."""
    before, after = _members(type_), _members(wanted)
    if not after:
        yield type_, wanted
    for name, member in after.items():
        if name in before:
            yield from _leaves(before[name], member)


def _members(type_: Found) -> Mapping[str, Found]:
    """The types within a type, by their names."""
    about = type_["type_info"] or {}
    if "child_type" in about:
        return {"": about["child_type"]}
    return {child["first"].lower(): child["second"] for child in about.get("child_types", ())}


def _why_rounded(value: Found, type_: Found, wanted: Found) -> str | None:
    """Why a value that becomes one of another type may lose digits, and what to write; None where it does not."""
    constant = value["value"] if value["type"] == "VALUE_CONSTANT" else None
    if type_["id"] == "VARCHAR":
        return _about_a_text(constant, wanted)
    before, after = _digits(type_), _digits(wanted)
    if before is None or after is None or before[1] <= after[1]:
        return None
    is_rounded = constant is None or _has_more(constant, before[1] - after[1])
    return _about_decimals(before, after) if is_rounded else None


def _about_a_text(constant: Found | None, wanted: Found) -> str | None:
    if _rounds_a_text(constant, wanted):
        return _ABOUT_TEXTS
    if constant is None or constant["is_null"] or wanted["id"] != "TIMESTAMP":
        return None
    return _ABOUT_ZONES if _WITH_ZONE.fullmatch(constant["value"]) else None


def _rounds_a_text(constant: Found | None, wanted: Found) -> bool:
    """A text that is no constant meets no decimal: DuckDB refuses that. What a query sees of a NUMERIC is such a cast."""
    is_whole, digits = wanted["id"] in _WHOLE, _digits(wanted)
    if constant is None or constant["is_null"] or not (is_whole or digits):
        return constant is None and is_whole
    scale = digits[1] if digits else 0
    number = rf"\s*[+-]?\d*\.?\d{{0,{scale}}}0*\s*"
    return re.fullmatch(number, constant["value"]) is None


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


def _about_decimals(before: Digits, after: Digits) -> str:
    room = min(MAX_DIGITS, WHOLE_DIGITS + before[1])
    return (
        f"a DECIMAL({before[0]},{before[1]}) would be rounded to a DECIMAL({after[0]},{after[1]}) here, where it meets another"
        f" number: CAST that, as in CAST(x AS DECIMAL({room}, {before[1]})), or this one, if it is to be rounded"
    )
