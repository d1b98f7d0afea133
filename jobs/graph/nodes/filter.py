"""Filter: hands on the rows for which a condition is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.node_type import UNNAMED, NodeType, type_of
from jobs.graph.rows.known import Known
from program_lib.types import Kind


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    type_of(config["condition"], known, "condition", wanted=Kind.BOOLEAN)
    return known


FILTER = NodeType(
    name="filter",
    label="Filter",
    help="Hands on the rows for which the condition holds: not those for which it is false or unknown (NULL).",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "condition",
            "Condition",
            "expression",
            help="For example: amount > 100 and country == 'DE'",
        ),
    ),
    runs_as="Filter",
    imports=(),
    template="""
    return batch.where({{ config.condition | literal(4) }})
""",
    rejects=True,
    known_columns=_known_columns,
    example=Example(
        says="Keep the large orders of one country. Order 4 has no amount: whether it is large is unknown, so it goes.",
        config={"condition": "amount >= 100 and country == 'DE'"},
        takes={
            UNNAMED: rows("id,country,amount", "1,DE,250.00", "2,FR,900.00", "3,DE,99.99", "4,DE,")
        },
        gives={UNNAMED: rows("id,country,amount", "1,DE,250.00")},
        types={"amount": "numeric"},
    ),
)
