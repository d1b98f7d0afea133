"""Distinct: of rows that are equal hands on one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.node_type import UNNAMED, NodeType, told_beside
from jobs.graph.rows.known import Known
from program_lib.reshape.keys import group_keys


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    by = config.get("by") or known.names
    with told_beside("by"):
        group_keys(known, (name for name in by if known.column(name)))
    return known


DISTINCT = NodeType(
    name="distinct",
    label="Distinct",
    help="Of rows that are equal in some columns hands on one, in the order in which they came. NULL equals NULL here.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "by",
            "Columns",
            "names",
            required=False,
            reads=UNNAMED,
            help="Rows that are equal in these columns are one; without any, rows that are equal in all.",
        ),
        Field(
            "keep",
            "Keep",
            "choice",
            default="first",
            choices=("first", "last"),
            help="Which of equal rows is handed on: the one that came first, or last.",
        ),
    ),
    runs_as="program_lib.gathering.Gather",
    imports=(),
    template="""
{% if config.get('by') %}
    by = {{ config.by | literal(4) }}
    return rows.distinct(by, keep={{ config.keep | literal }})
{% else %}
    return rows.distinct(keep={{ config.keep | literal }})
{% endif %}
""",
    known_columns=_known_columns,
    example=Example(
        says="Of each customer the last address that came.",
        config={"by": ["customer"], "keep": "last"},
        takes={UNNAMED: rows("customer,city", "7,Berlin", "8,Lyon", "7,Hamburg")},
        gives={UNNAMED: rows("customer,city", "8,Lyon", "7,Hamburg")},
    ),
)
