"""Python: a function of the job's author over the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field, Member
from jobs.graph.node_type import UNNAMED, NodeType
from jobs.graph.rows.known import Known, known_of
from program_lib.types import BYTES, COLUMN_TYPES, Column, Schema

TYPES = {**COLUMN_TYPES, "bytes": BYTES}


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    keeps_all = config["keep"] == "all"
    columns = {
        name: _as_code_gives(known.column(name)) for name in (known.some if keeps_all else ())
    }
    for entry in config["columns"]:
        columns[entry["column"]] = Column(entry["column"], TYPES[entry["type"]])
    typed = Schema(column for column in columns.values() if column)
    return known_of(None if keeps_all and known.every is None else columns, typed)


def _as_code_gives(column: Column | None) -> Column | None:
    return None if column is None else Column(column.name, column.type.without_bounds())


PYTHON = NodeType(
    name="python",
    label="Python",
    help="Lets a function that you write make rows of the rows that come. Only where the operator has set PYTHON_NODES=on."
    " The code may do what the program may: open the data files of its tenant, the connections that the graph names with their"
    " passwords, and the network; a preview runs it, too.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "code",
            "Code",
            "python",
            help="For example: def transform(row): return {**row, 'total': row['price'] * row['n']}. The first rows that come"
            " have it run once; then the function is called.",
        ),
        Field(
            "gets",
            "Its function gets",
            "choice",
            default="row",
            help="Each row as a dictionary, and gives one, a list of them, or None for no row; the rows of a batch as a list"
            " of dictionaries, and gives a list; or a RecordBatch of Arrow, and gives one or a Table.",
            choices=("row", "rows", "arrow"),
        ),
        Field(
            "columns",
            "Columns",
            "entries",
            members=(Member("column", "Column"), Member("type", "Type", "choice", tuple(TYPES))),
            unique="column",
            help="What it computes, with types: each value must be one of its type, and nothing is rounded or cut.",
        ),
        Field(
            "keep",
            "Keep",
            "choice",
            default="all",
            help="Whether the rows that it gives have all columns that came, too, or none but those above.",
            choices=("all", "none"),
        ),
    ),
    runs_as="program_lib.python.node.Python",
    imports=("program_lib.python.node.python",),
    template="""
    code = {{ config.code | literal(4) }}
    columns = {
{% for entry in config.columns %}
        {{ entry.column | literal }}: {{ entry.type | literal }},
{% endfor %}
    }
    return python(code, columns=columns, gets={{ config.gets | literal }}, keep={{ config.keep | literal }})
""",
    runs_code=True,
    known_columns=_known_columns,
    example=Example(
        says="Check digits of article numbers, which no expression computes in a line; rows without one are left out.",
        config={
            "code": "def transform(row):\n"
            "    digits = [int(digit) for digit in row['ean'] or '']\n"
            "    if not digits:\n"
            "        return None\n"
            "    total = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))\n"
            "    return {**row, 'check': -total % 10}\n",
            "columns": [{"column": "check", "type": "integer"}],
        },
        takes={UNNAMED: rows("id,ean", "1,400638133393", "2,", "3,978014300723")},
        gives={UNNAMED: rows("id,ean,check", "1,400638133393,1", "3,978014300723,4")},
    ),
)
