"""Sample: hands on some of the rows."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.node_type import UNNAMED, NodeType

SAMPLE = NodeType(
    name="sample",
    label="Sample",
    help="Hands on some of the rows, in the order in which they came: so many at random, or one of so many.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "rows",
            "Rows at random",
            "count",
            required=False,
            help="How many rows, for example 1000: each as likely as another. Fewer rows are handed on whole.",
        ),
        Field(
            "every",
            "One of",
            "count",
            required=False,
            help="One of so many rows, for example 10: the first, the 11th, the 21st.",
        ),
        Field(
            "seed",
            "Seed",
            "count",
            default=1,
            help="Rows at random are the same for the same seed and the same rows; another number gives others.",
        ),
    ),
    one_of=("rows", "every"),
    runs_as="program_lib.gathering.Gather",
    imports=(),
    template="""
{% if config.every is defined %}
    return rows.every({{ config.every | literal }})
{% else %}
    return rows.sample({{ config.rows | literal }}, seed={{ config.seed | literal }})
{% endif %}
""",
    known_columns=lambda config, known: known,
    example=Example(
        says="Look at one row of three.",
        config={"every": 3},
        takes={UNNAMED: rows("id", "1", "2", "3", "4", "5")},
        gives={UNNAMED: rows("id", "1", "4")},
    ),
)
