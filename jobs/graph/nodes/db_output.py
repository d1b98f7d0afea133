"""DB Output: writes the rows into a table, in one transaction."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields import CONNECTION, Field, Need
from jobs.graph.node_type import UNNAMED, NodeType
from program_lib.write_modes import KEYED

DB_OUTPUT = NodeType(
    name="db_output",
    label="DB Output",
    help="Writes the rows into a table, in one transaction.",
    has_input=True,
    has_output=False,
    fields=(
        CONNECTION,
        Field("table", "Table", "table", help="The table (or schema.table)."),
        Field(
            "mode",
            "Mode",
            "choice",
            default="create",
            begins_as="replace",
            help="create: a new table, which must not be there; append: rows are added to the table, which must"
            " be there; replace: the rows take the place of those that are there. With a key: upsert updates the"
            " rows that are there and inserts the others; update leaves the others out; insert_or_ignore leaves"
            " out those that are there.",
            choices=("create", "append", "replace", *KEYED),
        ),
        Field(
            "key",
            "Key",
            "names",
            required=False,
            reads=UNNAMED,
            in_any_case=True,
            help="The columns that find a row of the table: its primary key, or a unique key of it.",
            needed_for=Need("mode", KEYED),
        ),
        Field(
            "before",
            "SQL before",
            "sql",
            required=False,
            help="In PostgreSQL and SQLite: one INSERT, UPDATE or DELETE that runs before the first row, in the"
            " transaction of the rows, for example DELETE FROM report WHERE day = current_date.",
        ),
        Field(
            "after",
            "SQL after",
            "sql",
            required=False,
            help="In PostgreSQL and SQLite: one INSERT, UPDATE or DELETE that runs after the last row, in the"
            " transaction of the rows.",
        ),
    ),
    runs_as="Output",
    imports=("program_lib.databases.write_rows",),
    template="""
    return write_rows(
        {{ config.connection | literal }},
        {{ config.table | literal }},
        mode={{ config.mode | literal }},
{% if config.get('key') %}
        key={{ config.key | literal(8) }},
{% endif %}
{% if config.get('before') %}
        before={{ config.before | literal(8) }},
{% endif %}
{% if config.get('after') %}
        after={{ config.after | literal(8) }},
{% endif %}
    )
""",
    rejects=True,
    known_columns=lambda config, known: known,
    example=Example(
        says="Bring a table up to date: customers that are there get their new city, others are added, and none goes.",
        config={
            "connection": "sqlite:///shop.db",
            "table": "customers",
            "mode": "upsert",
            "key": ["id"],
        },
        takes={
            UNNAMED: rows("id,city", "7,Hamburg", "9,Lyon"),
            "customers": rows("id,city", "7,Berlin", "8,Wien"),
        },
        gives={"customers": rows("id,city", "7,Hamburg", "8,Wien", "9,Lyon")},
        types={"id": "integer"},
    ),
)
