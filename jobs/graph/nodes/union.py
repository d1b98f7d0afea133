"""Union: hands on the rows of all nodes that feed it, with their columns matched by name."""

from __future__ import annotations

from jobs.graph.fields import Field
from jobs.graph.node_type import NodeType

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
)
