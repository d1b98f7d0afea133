"""DB Output: writes the rows into a table, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field, Need
from jobs.graph.fields.shared import CONNECTION
from jobs.graph.node_type import UNNAMED, NodeType, ReadBy, WrongField
from jobs.graph.rows.known import Known
from program_lib.types import listed
from program_lib.write_modes import KEYED, LEAST_COMMITTED, MODES_THAT_COMMIT, MOST_COMMITTED


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    rows = config.get("commit_rows", 0)
    if not rows:
        return known
    if rows < LEAST_COMMITTED:
        raise WrongField("commit_rows", f"Commit every must be {LEAST_COMMITTED:,} rows or more")
    if config["mode"] not in MODES_THAT_COMMIT:
        modes = listed(MODES_THAT_COMMIT)
        raise WrongField(
            "commit_rows",
            f"Commit every goes with the modes {modes}, and not with {config['mode']}",
        )
    if config.get("before") or config.get("after"):
        raise WrongField(
            "commit_rows",
            "Commit every and SQL before or after the rows do not go together: that belongs to one transaction of all rows",
        )
    return known


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
        Field(
            "commit_rows",
            "Commit every",
            "count",
            required=False,
            largest=MOST_COMMITTED,
            help=f"How many rows to commit at a time, {LEAST_COMMITTED:,} at least, where a table is too large for one"
            " transaction. They stand when the run fails later, and a run that is repeated writes them again: use a"
            " mode with a key. By default all rows are committed together, or none.",
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
{% if config.get('commit_rows') %}
        commit_rows={{ config.commit_rows | literal }},
{% endif %}
    )
""",
    rejects=True,
    known_columns=_known_columns,
    read_by=ReadBy("db_input", ("connection", "table")),
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
