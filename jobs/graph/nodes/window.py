"""Window: computes columns from each row and the rows around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field, Member
from jobs.graph.fields.shared import ORDER_MEMBERS
from jobs.graph.node_type import UNNAMED, NodeType, known_orders, told_beside
from jobs.graph.rows.known import Known, distinct_names, known_of
from program_lib.reshape import Rows
from program_lib.reshape.rows import Wanted
from program_lib.reshape.windows import WINDOW_FUNCTIONS


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    by = [name for name in config.get("by", []) if known.column(name)]
    given = config.get("order", [])
    order = known_orders(given, known)
    has_unknown = len(order) < len(given)  # a rank needs an order, which may be known later
    with told_beside("columns"):
        wanted = _wanted(config["columns"], known, without_ranks=has_unknown and not order)
        made = (entry["as"] for entry in config["columns"])
        names = None if known.every is None else distinct_names(known.every, made)
        return known_of(names, Rows(known, {}).window(wanted, by, order).schema)


def _wanted(
    entries: list[Mapping[str, Any]], known: Known, without_ranks: bool
) -> dict[str, Wanted]:
    """The entries whose columns are known."""
    return {
        entry["as"]: (entry["function"], entry.get("column") or None)
        for entry in entries
        if (not entry.get("column") or known.column(entry["column"]))
        and not (without_ranks and "rank" in entry["function"])
    }


WINDOW = NodeType(
    name="window",
    label="Window",
    help="Computes columns from each row and the rows around it: row numbers, ranks, the row before, running sums. All"
    " rows are handed on, in the order in which they came.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "columns",
            "Columns",
            "entries",
            members=(
                Member("as", "New column"),
                Member("function", "Function", "choice", WINDOW_FUNCTIONS),
                Member("column", "Of column", required=False, reads=UNNAMED),
                Member("rows", "Rows", "count", required=False),
            ),
            unique="as",
            help="For example total: running sum of amount. lag and lead look so many rows back and ahead (1 where"
            " nothing is said), and give NULL where there is none.",
        ),
        Field(
            "by",
            "Within",
            "names",
            required=False,
            reads=UNNAMED,
            help="Rows that are equal in these columns are looked at together; without any, all are.",
        ),
        Field(
            "order",
            "In the order of",
            "entries",
            required=False,
            members=ORDER_MEMBERS,
            unique="column",
            help="In which order the rows are looked at; without any, and where rows are equal, as they came. A rank"
            " needs it: rows that are equal have the same.",
        ),
    ),
    runs_as="program_lib.gathering.Gather",
    imports=(),
    template="""
    columns = {
{% for entry in config.columns %}
{% if entry.function in ("lag", "lead") %}
        {{ entry.as | literal }}: ({{ entry.function | literal }}, {{ (entry.get('column') or none) | literal }}, {{ (1 if entry.get('rows') in (none, "") else entry.rows) | literal }}),
{% else %}
        {{ entry.as | literal }}: ({{ entry.function | literal }}, {{ (entry.get('column') or none) | literal }}),
{% endif %}
{% endfor %}
    }
{% if config.get('order') %}
    order = [
{% for entry in config.order %}
        {{ entry | order }},
{% endfor %}
    ]
    return rows.window(columns, by={{ config.get('by', []) | literal(4) }}, order=order)
{% else %}
    return rows.window(columns, by={{ config.get('by', []) | literal(4) }})
{% endif %}
""",
    known_columns=_known_columns,
    example=Example(
        says="A running total for each customer, and what they had ordered before.",
        config={
            "columns": [
                {"as": "total", "function": "running sum", "column": "amount"},
                {"as": "before", "function": "lag", "column": "amount"},
            ],
            "by": ["customer"],
            "order": [{"column": "day"}],
        },
        takes={
            UNNAMED: rows(
                "customer,day,amount", "7,2026-01-02,10", "8,2026-01-01,5", "7,2026-01-01,3"
            )
        },
        gives={
            UNNAMED: rows(
                "customer,day,amount,total,before",
                "7,2026-01-02,10,13,3",
                "8,2026-01-01,5,5,",
                "7,2026-01-01,3,3,",
            )
        },
        types={"day": "date", "amount": "integer"},
    ),
)
