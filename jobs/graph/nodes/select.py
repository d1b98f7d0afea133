"""Select: picks columns, and gives them names, types and an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field, Member
from jobs.graph.node_type import UNNAMED, NodeType, told_beside
from jobs.graph.rows.known import Known, known_of, names_alone
from program_lib.columns.picking import DROP, KEEP, Pick, picked
from program_lib.types import COLUMN_TYPES, Schema


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    entries = config["columns"]
    columns = {_name(entry): _pick(entry) for entry in entries if known.column(entry["column"])}
    with told_beside("columns"):
        typed = Schema(made for _, made in picked(known, columns, config["others"]))
        return known_of(_names(config, known), typed)


def _names(config: Mapping[str, Any], known: Known) -> list[str] | None:
    if config["others"] == DROP:
        return [_name(entry) for entry in config["columns"]]
    if known.every is None:
        return None
    there = {
        _name(entry): entry["column"]
        for entry in config["columns"]
        if not known.lacks(entry["column"])
    }
    return [made.name for _, made in picked(names_alone(known.every), there, KEEP)]


def _name(entry: Mapping[str, str]) -> str:
    return entry.get("as") or entry["column"]


def _pick(entry: Mapping[str, str]) -> Pick:
    column, wanted = entry["column"], entry.get("type")
    return (column, wanted) if wanted else column


SELECT = NodeType(
    name="select",
    label="Select",
    help="Picks columns, and gives them names, types and an order. A value that its new type does not have ends the run:"
    " 1.75 is no integer, and nothing is rounded or cut.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "columns",
            "Columns",
            "entries",
            members=(
                Member("column", "Column", reads=UNNAMED),
                Member("as", "New name", required=False),
                Member("type", "Type", "choice", tuple(COLUMN_TYPES), required=False),
            ),
            unique="as",
            unique_or="column",
            help="In this order; without a name or a type a column keeps its own.",
        ),
        Field(
            "others",
            "Other columns",
            "choice",
            default=DROP,
            choices=(DROP, KEEP),
            help="drop: only the columns above are handed on; keep: the others come after them.",
        ),
    ),
    runs_as="Map",
    imports=(),
    template="""
    columns = {
{% for entry in config.columns %}
{% if entry.get('type') %}
        {{ (entry.get('as') or entry.column) | literal }}: ({{ entry.column | literal }}, {{ entry.type | literal }}),
{% else %}
        {{ (entry.get('as') or entry.column) | literal }}: {{ entry.column | literal }},
{% endif %}
{% endfor %}
    }
    return batch.select(columns, others={{ config.others | literal }})
""",
    rejects=True,
    known_columns=_known_columns,
    example=Example(
        says="Put columns into the order and under the names that a partner wants, with true types.",
        config={
            "columns": [
                {"column": "total", "as": "amount", "type": "numeric"},
                {"column": "id", "type": "integer"},
            ],
        },
        takes={UNNAMED: rows("id,note,total", "1,gift,12.50", "2,,3")},
        gives={UNNAMED: rows("amount,id", "12.50,1", "3,2")},
    ),
)
