"""DB Input: reads the rows of a query or a table."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.shared import CONNECTION
from jobs.graph.node_type import UNNAMED, NodeType

DB_INPUT = NodeType(
    name="db_input",
    label="DB Input",
    help="Reads the rows of a query or a table, streamed.",
    has_input=False,
    has_output=True,
    fields=(
        CONNECTION,
        Field(
            "sql",
            "SQL",
            "sql",
            required=False,
            help="A SELECT; its columns need names of their own. Of SQLite, CAST(… AS INTEGER) and the like tell what"
            " a computed column holds; else all rows are looked at first, to find it.",
        ),
        Field(
            "table",
            "Table",
            "table",
            required=False,
            help="All rows of this table (or schema.table).",
        ),
    ),
    one_of=("sql", "table"),
    runs_as="Source",
    imports=("program_lib.databases.read_rows",),
    template="""
{% if config.table is defined %}
    return read_rows({{ config.connection | literal }}, table={{ config.table | literal }})
{% else %}
    query = {{ config.sql | literal(4) }}
    return read_rows({{ config.connection | literal }}, query)
{% endif %}
""",
    example=Example(
        says="Read what a query gives.",
        config={
            "connection": "sqlite:///shop.db",
            "sql": "SELECT id, upper(country) AS country FROM orders WHERE id > 1 ORDER BY id",
        },
        takes={"orders": rows("id,country", "1,de", "2,fr", "3,")},
        gives={UNNAMED: rows("id,country", "2,FR", "3,")},
        types={"id": "integer"},
    ),
)
