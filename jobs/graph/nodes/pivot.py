"""Pivot: makes columns of the values of a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.shared import SEPARATOR
from jobs.graph.node_type import UNNAMED, NodeType, WrongField, told_beside
from jobs.graph.rows.known import Known, distinct_names, known_of
from program_lib.reshape import Rows
from program_lib.reshape.aggregates import FUNCTIONS, needs_column
from program_lib.types import Schema


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    function, column = config["function"], config.get("column")
    if column is None and needs_column(function):
        raise WrongField("column", f"{function} needs a column")
    by = [name for name in config.get("by", []) if known.column(name)]
    is_known = column is None or known.column(column) is not None
    with told_beside("values"):
        names = distinct_names(config.get("by", []), config["values"])
        if is_known and known.column(config["names"]):
            values = {name: name for name in config["values"]}
            made = Rows(known, {}).pivot(by, config["names"], values, (function, column)).schema
            return known_of(names, made)
    return known_of(names, Schema(of for name in by if (of := known.column(name))))


PIVOT = NodeType(
    name="pivot",
    label="Pivot",
    help="Makes columns of the values of a column: one row for each group, and in each new column what the rows of its"
    " value amount to.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "by",
            "Group by",
            "names",
            required=False,
            reads=UNNAMED,
            help="Rows that are equal in these columns make one row; without any, all rows do.",
        ),
        Field(
            "names",
            "Names from",
            "column",
            reads=UNNAMED,
            help="The column whose values become columns: month.",
        ),
        Field(
            "values",
            "Values",
            "names",
            help="Which of its values become columns, and in which order: jan, feb. Columns must be known before the run.",
        ),
        Field(
            "others",
            "Other values",
            "choice",
            default="fail",
            choices=("fail", "ignore"),
            help="fail: a row with another value, or NULL, ends the run; ignore: it makes no column.",
        ),
        Field(
            "function",
            "Function",
            "choice",
            default="sum",
            choices=tuple(FUNCTIONS),
            help="What a cell holds of its rows; NULL where there are none, and 0 for a count.",
        ),
        Field(
            "column",
            "Of column",
            "column",
            required=False,
            reads=UNNAMED,
            help="The column that the function is of: amount.",
        ),
        SEPARATOR,
    ),
    runs_as="program_lib.gathering.Gather",
    imports=(),
    template="""
    values = {
{% for value in config["values"] %}
        {{ value | literal }}: {{ value | literal }},
{% endfor %}
    }
    return rows.pivot(
        {{ config.get('by', []) | literal(8) }},
        {{ config.names | literal }},
        values,
{% if config.function == "join" %}
        ("join", {{ config.get('column') | literal }}, {{ config.separator | literal }}),
{% else %}
        ({{ config.function | literal }}, {{ config.get('column') | literal }}),
{% endif %}
        others={{ config.others | literal }},
    )
""",
    known_columns=_known_columns,
    example=Example(
        says="A column for each month, to be read across.",
        config={
            "by": ["country"],
            "names": "month",
            "values": ["jan", "feb"],
            "function": "sum",
            "column": "amount",
        },
        takes={
            UNNAMED: rows("country,month,amount", "DE,jan,10", "FR,feb,5", "DE,feb,7", "DE,jan,1")
        },
        gives={UNNAMED: rows("country,jan,feb", "DE,11,7", "FR,,5")},
        types={"amount": "integer"},
    ),
)
