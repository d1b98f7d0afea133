"""Limit: hands on the first rows, and no more."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.node_type import UNNAMED, NodeType

LIMIT = NodeType(
    name="limit",
    label="Limit",
    help="Hands on the first rows that come, and no more.",
    has_input=True,
    has_output=True,
    fields=(Field("rows", "Rows", "count", help="How many rows to hand on, for example 1000."),),
    runs_as="Filter",
    imports=(),
    template="""
    return batch.first({{ config.rows | literal }})
""",
    known_columns=lambda config, known: known,
    example=Example(
        says="Try a job with a few rows before it runs with all of them.",
        config={"rows": 2},
        takes={UNNAMED: rows("id", "7", "8", "9")},
        gives={UNNAMED: rows("id", "7", "8")},
    ),
)
