"""Union: hands on the rows of all nodes that feed it, with their columns matched by name."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.node_type import UNNAMED, NodeType
from program_lib.common_types import union

UNION = NodeType(
    name="union",
    label="Union",
    help="Hands on the rows of all nodes that feed it, in the order in which they come, with columns matched by name.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "missing",
            "A missing column",
            "choice",
            default="refuse",
            help="What to do with a column that not all inputs have: refuse it before the first row, or take it as NULL.",
            choices=("refuse", "null"),
        ),
    ),
    runs_as="Union",
    imports=("program_lib.common_types.union",),
    template="""
    return union(missing={{ config.missing | literal }})
""",
    known_columns=lambda config, known: known,
    together=lambda config: union(config["missing"]),
    example=Example(
        says="Put the rows of two shops under each other; one of them knows no discount.",
        config={"missing": "null"},
        takes={"1": rows("id,amount,discount", "1,10,2"), "2": rows("id,amount", "2,20")},
        gives={UNNAMED: rows("id,amount,discount", "1,10,2", "2,20,")},
    ),
)
