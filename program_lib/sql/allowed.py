"""What a query may be: one SELECT that reads the node's own tables. Looks at the tree that DuckDB itself parses it to.

DuckDB, closed as it is (program_lib/engine.py), still reads and lists the directory that it spills to, tells its
settings, and takes an INSERT within a WITH. So what a tree holds is compared with lists of what computes and reads.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from program_lib.errors import ProgramError
from program_lib.types import listed

# Parts of a query, beside expressions, that read, join, group and order rows
_PARTS = frozenset({
    "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE",
    "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT",
    "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER", "DISTINCT_MODIFIER",
    "ORDER_DEFAULT", "ASCENDING", "DESCENDING",
})  # fmt: skip
_TABLE_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"}
)
# Functions that tell of the database or the machine, change something, or only wait
_FUNCTIONS_REFUSED = frozenset({
    "current_connection_id", "current_database", "current_query", "current_query_id",
    "current_schema", "current_schemas", "current_setting", "current_transaction_id",
    "currval", "getenv", "in_search_path", "json_execute_serialized_sql",
    "nextval", "setseed", "setval", "sleep_ms", "stats", "txid_current", "version", "write_log",
})  # fmt: skip
_PREFIXES_REFUSED = ("duckdb_", "pg_", "inet_", "has_", "pragma_")
_NOT_REFUSED = frozenset({"pg_typeof"})
_NEEDED = "a SELECT, or WITH … SELECT, over the node's inputs is needed"
_WORDS = {"SHOW_REF": "DESCRIBE, SHOW or SUMMARIZE"}


class QueryFailed(ProgramError):
    """A query cannot be run, or fails over its rows."""

    field = "sql"


class QueryRefused(QueryFailed):
    """A query that is not run; `position` is the byte of its text that it is about, where that is known."""

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(reason)
        self.position = position


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the tree that is still to be looked at, with the names of tables that count there."""

    value: Any
    tables: frozenset[str]


def check_allowed(
    connection: duckdb.DuckDBPyConnection, query: str, tables: Collection[str]
) -> None:
    """Raises QueryRefused for anything but one SELECT that reads these tables alone, and computes."""
    waiting = [_Part(tree(connection, query), frozenset(map(_folded, tables)))]
    while waiting:
        part = waiting.pop()
        if isinstance(part.value, list):
            waiting += (_Part(value, part.tables) for value in part.value)
        elif isinstance(part.value, dict):
            _check(part.value, part.tables)
            waiting += _below(part.value, part.tables)


def tree(connection: duckdb.DuckDBPyConnection, query: str) -> Mapping[str, Any]:
    """The one statement of a query, which is a SELECT."""
    [[text]] = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    try:
        answer = json.loads(text)
    except RecursionError:
        raise QueryRefused("it is nested too deeply") from None
    if answer["error"]:
        raise _not_parsed(connection, query, answer)
    statements = answer["statements"]
    if len(statements) != 1:
        found = f"{len(statements)} statements" if statements else "no statement"
        raise QueryRefused(f"there is {found}, and {_NEEDED}".replace("is 2", "are 2"))
    [statement] = statements
    node: Mapping[str, Any] = statement["node"]
    return node


def _not_parsed(
    connection: duckdb.DuckDBPyConnection, query: str, answer: Mapping[str, Any]
) -> QueryRefused:
    message, position = answer["error_message"], answer.get("position")
    if answer["error_type"] != "not implemented":
        return QueryRefused(_first_line(message), None if position is None else int(position))
    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        return QueryRefused(_first_line(str(error)))
    kinds = (statement.type.name.replace("_", " ") for statement in statements)
    other = next((kind for kind in kinds if kind != "SELECT"), "no SELECT")
    if other == "MULTI":
        return QueryRefused(
            "this PIVOT finds its columns in the rows, and they must be known before: name them,"
            " as in FROM (PIVOT input ON month IN ('jan', 'feb') USING sum(amount))"
        )
    return QueryRefused(f"it holds {other}, and {_NEEDED}")


def _first_line(message: str) -> str:
    return message.splitlines()[0] if message else "it cannot be parsed"


def _check(found: Mapping[str, Any], tables: frozenset[str]) -> None:
    kind = found.get("type")
    if found.get("class") == "FUNCTION":
        _check_function(found)
    elif "class" in found or not isinstance(kind, str):
        return
    elif kind not in _PARTS:
        name = _WORDS.get(kind, kind.removesuffix("_NODE").removesuffix("_QUERY").replace("_", " "))
        raise QueryRefused(f"it holds {name}, and {_NEEDED}", position_of(found))
    elif kind == "BASE_TABLE":
        _check_table(found, tables)
    elif kind == "TABLE_FUNCTION":
        _check_table_function(found)


def _check_table(found: Mapping[str, Any], tables: frozenset[str]) -> None:
    path = [name for name in (found["catalog_name"], found["schema_name"]) if name]
    name = ".".join([*path, found["table_name"]])
    if path or _folded(name) not in tables:
        there = f"there are {listed(sorted(tables))}"
        raise QueryRefused(f"there is no table {name!r}; {there}", position_of(found))


def _check_table_function(found: Mapping[str, Any]) -> None:
    name = str(found["function"].get("function_name", "")).lower()
    if name not in _TABLE_FUNCTIONS:
        raise QueryRefused(
            f"{name}() is no table of this node: it may read its inputs,"
            f" and {listed(sorted(_TABLE_FUNCTIONS))}",
            position_of(found),
        )


def _check_function(found: Mapping[str, Any]) -> None:
    name = str(found["function_name"]).lower()
    is_refused = name in _FUNCTIONS_REFUSED or name.startswith(_PREFIXES_REFUSED)
    if is_refused and name not in _NOT_REFUSED:
        raise QueryRefused(f"the function {name} is not for a node's query", position_of(found))


def _below(found: Mapping[str, Any], tables: frozenset[str]) -> Iterator[_Part]:
    """What lies in a part: each query of its WITH sees those before it, and itself if it is recursive."""
    entries = found.get("cte_map", {}).get("map", ()) if "cte_map" in found else ()
    for entry in entries:
        name, query = _folded(entry["key"]), entry["value"]
        is_recursive = query["query_node"]["type"] == "RECURSIVE_CTE_NODE"
        yield _Part(query, tables | {name} if is_recursive else tables)
        tables |= {name}
    yield from (_Part(value, tables) for key, value in found.items() if key != "cte_map")


def position_of(found: Mapping[str, Any]) -> int | None:
    """Where it stands; DuckDB has the largest number of 64 bits for "nowhere"."""
    position = found.get("query_location")
    return position if isinstance(position, int) and position < 2**32 else None


def _folded(name: str) -> str:
    """DuckDB takes names for one that differ by the case of their letters."""
    return name.lower()
