"""Sort: hands on the rows in the order of some columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.shared import ORDER_MEMBERS
from jobs.graph.node_type import UNNAMED, NodeType, known_orders, told_beside
from jobs.graph.rows.known import Known
from program_lib.reshape.keys import sorting


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    with told_beside("by"):
        sorting(known, known_orders(config["by"], known))
    return known


SORT = NodeType(
    name="sort",
    label="Sort",
    help="Hands on the rows in the order of some columns, once all are there. Rows that are equal stay in the order in"
    " which they came. Texts are sorted by code point: Z before a.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "by",
            "Sort by",
            "entries",
            members=ORDER_MEMBERS,
            unique="column",
            help="For example day, desc; a column counts where those above it are equal. NULLs come last, unless said.",
        ),
    ),
    runs_as="program_lib.gathering.Gather",
    imports=(),
    template="""
    return rows.sort(
{% for entry in config.by %}
        {{ entry | order }},
{% endfor %}
    )
""",
    known_columns=_known_columns,
    example=Example(
        says="The newest first, and of a day the largest amount first.",
        config={
            "by": [
                {"column": "day", "direction": "desc"},
                {"column": "amount", "direction": "desc"},
            ]
        },
        takes={
            UNNAMED: rows(
                "day,amount", "2026-01-30,5", "2026-01-31,9", "2026-01-31,20", "2026-01-31,"
            )
        },
        gives={
            UNNAMED: rows(
                "day,amount", "2026-01-31,20", "2026-01-31,9", "2026-01-31,", "2026-01-30,5"
            )
        },
        types={"day": "date", "amount": "integer"},
    ),
)
