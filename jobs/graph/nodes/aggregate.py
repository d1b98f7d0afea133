"""Aggregate: makes one row of each group of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field, Member
from jobs.graph.fields.shared import SEPARATOR
from jobs.graph.node_type import UNNAMED, NodeType, told_beside
from jobs.graph.rows.known import Known, distinct_names, known_of
from program_lib.reshape import Rows
from program_lib.reshape.aggregates import FUNCTIONS
from program_lib.reshape.rows import Wanted


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    by = [name for name in config.get("by", []) if known.column(name)]
    with told_beside("columns"):
        names = distinct_names(config.get("by", []), (entry["as"] for entry in config["columns"]))
        return known_of(
            names, Rows(known, {}).aggregate(by, _wanted(config["columns"], known)).schema
        )


def _wanted(entries: list[Mapping[str, str]], known: Known) -> dict[str, Wanted]:
    """The entries whose columns are known."""
    return {
        entry["as"]: (entry["function"], entry.get("column") or None)
        for entry in entries
        if not entry.get("column") or known.column(entry["column"])
    }


AGGREGATE = NodeType(
    name="aggregate",
    label="Aggregate",
    help="Makes one row of each group of rows: counts, sums, means and the like. Groups come in the order of their first"
    " rows; NULLs are a group, too, and do not count in a sum. A sum that does not fit ends the run.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "by",
            "Group by",
            "names",
            required=False,
            reads=UNNAMED,
            help="Rows that are equal in these columns are a group; without any, all rows are one, also of no rows.",
        ),
        Field(
            "columns",
            "Columns",
            "entries",
            members=(
                Member("as", "New column"),
                Member("function", "Function", "choice", tuple(FUNCTIONS)),
                Member("column", "Of column", required=False, reads=UNNAMED),
            ),
            unique="as",
            help="For example total: sum of amount. count without a column counts rows, with one what is not NULL;"
            " first, last and join take rows in the order in which they came.",
        ),
        SEPARATOR,
    ),
    runs_as="program_lib.gathering.Gather",
    imports=(),
    template="""
{% if config.get('by') %}
    by = {{ config.by | literal(4) }}
{% endif %}
    columns = {
{% for entry in config.columns %}
{% if entry.function == "join" %}
        {{ entry.as | literal }}: ("join", {{ (entry.get('column') or none) | literal }}, {{ config.separator | literal }}),
{% else %}
        {{ entry.as | literal }}: ({{ entry.function | literal }}, {{ (entry.get('column') or none) | literal }}),
{% endif %}
{% endfor %}
    }
    return rows.aggregate({% if config.get('by') %}by{% else %}[]{% endif %}, columns)
""",
    known_columns=_known_columns,
    example=Example(
        says="Turnover for each country, and who ordered. An amount that is NULL is no amount, and its row still counts.",
        config={
            "by": ["country"],
            "columns": [
                {"as": "orders", "function": "count"},
                {"as": "turnover", "function": "sum", "column": "amount"},
                {"as": "customers", "function": "join", "column": "customer"},
            ],
        },
        takes={
            UNNAMED: rows(
                "country,customer,amount", "DE,Ann,10.50", "FR,Bo,7.00", "DE,Cy,", "DE,Di,0.25"
            )
        },
        gives={
            UNNAMED: rows(
                "country,orders,turnover,customers", 'DE,3,10.75,"Ann, Cy, Di"', "FR,1,7,Bo"
            )
        },
        types={"amount": "numeric"},
    ),
)
