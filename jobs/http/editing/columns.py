"""What the editor is told of the columns between the nodes of a graph."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.graph.errors import MOST_ERRORS
from jobs.graph.parsing import Parts, known_columns
from jobs.graph.rows.known import Known
from jobs.http.editing.source_columns import Sources

MOST_CHARACTERS = 200_000  # of all names in an answer, as JSON writes them
_BESIDE = 30  # characters beside a name: its type


def columns_document(parts: Parts, sources: Sources) -> dict[str, Any]:
    """{"nodes": [{"id", "outputs": [{"port", "columns", "all", "more"}]}], "problems", "unread", "pending"}.

    `columns` are {"name", "type"}, the type null where only a run tells it; `all`: there are no others; `more`: so many
    are known beside those that the answer has room for.
    """
    outputs, errors = known_columns(parts, sources.known)
    problems = [*sources.errors, *errors][:MOST_ERRORS]
    return {
        "nodes": list(_nodes(outputs)),
        "problems": [error.document() for error in problems],
        "unread": [{"nodeId": node, "message": why} for node, why in sources.unread.items()],
        "pending": sources.is_pending,
    }


def _nodes(outputs: Mapping[tuple[int, str], Known]) -> Iterator[dict[str, Any]]:
    left = MOST_CHARACTERS
    by_node: dict[int, list[dict[str, Any]]] = {}
    for (node_id, port), known in outputs.items():
        columns, taken = _columns(known, left)
        left -= taken
        more = len(known.some) - len(columns)
        told = {"port": port, "columns": columns, "all": known.every is not None, "more": more}
        by_node.setdefault(node_id, []).append(told)
    return ({"id": node_id, "outputs": told} for node_id, told in by_node.items())


def _columns(known: Known, room: int) -> tuple[list[dict[str, Any]], int]:
    """Those that have room, and how much they take."""
    taken, told = 0, []
    for name in known.some:
        size = len(json.dumps(name)) + _BESIDE
        if taken + size > room:
            break
        taken += size
        column = known.column(name)
        told.append({"name": name, "type": None if column is None else str(column.type)})
    return told, taken
