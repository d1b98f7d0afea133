"""SQL: a query over the rows of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.checks import MAX_PORT
from jobs.graph.fields.field import Field, Member
from jobs.graph.node_type import UNNAMED, NodeType, WrongField
from jobs.graph.rows.known import Known
from program_lib.sql.tables import INPUT, same_in_sql

MAX_INPUTS = 20  # more do not fit beside a card


def _known_by_port(config: Mapping[str, Any], known: Mapping[str, Known]) -> Known:
    """Nothing: DuckDB describes the query in the program, since to look at it may cost much."""
    if (twice := same_in_sql(entry["port"] for entry in config["inputs"])) is not None:
        raise WrongField("inputs", f"SQL takes {twice[0]} and {twice[1]} for one name: rename one")
    return Known()


SQL = NodeType(
    name="sql",
    label="SQL",
    help="Gathers the rows of its inputs, then gives what a query over them gives: one SELECT of DuckDB, in which each"
    " input is a table of its name. Rows are in order only by its ORDER BY.",
    has_input=True,
    has_output=True,
    inputs_in="inputs",
    fields=(
        Field(
            "sql",
            "SQL",
            "sql",
            help="For example SELECT country, sum(amount) AS total FROM input GROUP BY country ORDER BY total."
            " The inputs are its tables, and it reaches nothing else; :name is the value of a parameter.",
        ),
        Field(
            "inputs",
            "Inputs",
            "entries",
            members=(Member("port", "Name", longest=MAX_PORT, has_lines=False),),
            default=[{"port": INPUT}],
            entry="input",
            most=MAX_INPUTS,
            unique="port",
            help="The names of the tables, each with an edge that brings its rows.",
        ),
    ),
    runs_as="program_lib.sql.node.Sql",
    imports=("program_lib.sql.node.sql",),
    template="""
    query = {{ config.sql | literal(4) }}
    return sql(query, {{ config.inputs | map(attribute="port") | list | literal }})
""",
    known_by_port=_known_by_port,
    described=True,
    example=Example(
        says="The turnover with each customer, the best first, and with customers who ordered nothing.",
        config={
            "sql": "SELECT c.name, coalesce(sum(o.amount), 0) AS turnover, count(o.id) AS orders\n"
            "FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id\n"
            "GROUP BY c.name\n"
            "ORDER BY turnover DESC, c.name",
            "inputs": [{"port": "orders"}, {"port": "customers"}],
        },
        takes={
            "orders": rows("id,customer_id,amount", "1,7,10.50", "2,8,3.00", "3,7,0.25"),
            "customers": rows("id,name", "7,Ann", "8,Bo", "9,Cy"),
        },
        gives={UNNAMED: rows("name,turnover,orders", "Ann,10.75,2", "Bo,3,1", "Cy,0,0")},
        types={"amount": "numeric"},
    ),
)
