"""Split: hands on each row by the output whose condition is true for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.checks import MAX_PORT
from jobs.graph.fields.field import Field, Member
from jobs.graph.node_type import UNNAMED, NodeType, Port, type_of
from jobs.graph.rows.known import Known
from program_lib.types import Kind

ELSE = "else"  # the output for rows that no condition takes
MAX_BRANCHES = 20  # outputs with a condition; more do not fit beside a card


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    for entry in config["branches"]:
        type_of(entry["condition"], known, "branches", wanted=Kind.BOOLEAN)
    return known


SPLIT = NodeType(
    name="split",
    label="Split",
    help="Hands on each row by the output whose condition is true for it, or by “else”.",
    has_input=True,
    has_output=True,
    outputs=(Port(ELSE, ELSE),),
    outputs_in="branches",
    fields=(
        Field(
            "branches",
            "Outputs",
            "entries",
            members=(
                Member("port", "Output", longest=MAX_PORT, has_lines=False),
                Member("condition", "Condition", "expression"),
            ),
            entry="output",
            most=MAX_BRANCHES,
            unique="port",
            reserved=ELSE,
            help="A name and a condition each, asked in this order, for example large: amount > 1000",
        ),
        Field(
            "to",
            "A row goes to",
            "choice",
            default="first",
            help="Of several conditions that are true, to the first one only, or to all of them.",
            choices=("first", "all"),
        ),
    ),
    runs_as="Split",
    imports=(),
    template="""
    conditions = {
{% for entry in config.branches %}
        {{ entry.port | literal }}: {{ entry.condition | literal(8) }},
{% endfor %}
    }
    return batch.split(conditions, otherwise="else"{% if config.to != "first" %}, to={{ config.to | literal }}{% endif %})
""",
    rejects=True,
    known_columns=_known_columns,
    example=Example(
        says="Send large orders and foreign ones to lists of their own, and the rest to a third.",
        config={
            "branches": [
                {"port": "large", "condition": "amount > 1000"},
                {"port": "abroad", "condition": "country != 'DE'"},
            ]
        },
        takes={UNNAMED: rows("id,country,amount", "1,FR,5000", "2,FR,10", "3,DE,20", "4,,30")},
        gives={
            "large": rows("id,country,amount", "1,FR,5000"),
            "abroad": rows("id,country,amount", "2,FR,10"),
            "else": rows("id,country,amount", "3,DE,20", "4,,30"),
        },
        types={"amount": "integer"},
    ),
)
