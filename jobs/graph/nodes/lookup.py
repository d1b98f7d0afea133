"""Lookup: adds columns to each row from the row of a small table that has its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.shared import keys
from jobs.graph.node_type import UNNAMED, NodeType, Port, WrongField, key_errors
from jobs.graph.rows.known import Known, known_of
from program_lib.types import Schema


def _known_by_port(config: Mapping[str, Any], known: Mapping[str, Known]) -> Known:
    rows, table = known["rows"], known["table"]
    key_errors(config["on"], rows, table)
    for name in config["columns"]:
        if name in rows.some:
            raise WrongField(
                "columns",
                f"the rows have a column {name!r} already: rename one of the two with a Map",
            )
    added = [column for name in config["columns"] if (column := table.column(name))]
    typed = Schema([*rows, *(replace(column, is_nullable=True) for column in added)])
    return known_of(None if rows.every is None else [*rows.every, *config["columns"]], typed)


LOOKUP = NodeType(
    name="lookup",
    label="Lookup",
    help="Adds columns to each row from the one row of a small table that has its key.",
    has_input=True,
    has_output=True,
    inputs=(Port("rows", "rows"), Port("table", "table")),
    fields=(
        keys(
            "Columns of the rows and of the table that must be equal; NULL equals nothing. For example country: code",
            left="rows",
            right="table",
        ),
        Field(
            "columns",
            "Columns to add",
            "names",
            reads="table",
            help="Columns of the table, which has at most 1,000,000 rows and 64 MB, and each key once.",
        ),
        Field(
            "missing",
            "A key that is missing",
            "choice",
            default="null",
            help="What happens to a row whose key the table has not: it gets NULL, or the run fails and names the row.",
            choices=("null", "fail"),
        ),
    ),
    runs_as="program_lib.lookup.Lookup",
    imports=("program_lib.lookup.lookup",),
    template="""
    on = [
{% for pair in config.on %}
        ({{ pair.left | literal }}, {{ pair.right | literal }}),
{% endfor %}
    ]
    columns = {{ config.columns | literal(4) }}
    return lookup(columns, on=on, missing={{ config.missing | literal }})
""",
    known_by_port=_known_by_port,
    example=Example(
        says="Add a country's name from a small table of codes.",
        config={"on": [{"left": "country", "right": "code"}], "columns": ["name"]},
        takes={
            "rows": rows("id,country", "1,DE", "2,XX", "3,FR"),
            "table": rows("code,name", "DE,Germany", "FR,France"),
        },
        gives={UNNAMED: rows("id,country,name", "1,DE,Germany", "2,XX,", "3,FR,France")},
    ),
)
