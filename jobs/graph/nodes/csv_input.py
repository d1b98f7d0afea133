"""CSV Input: reads the rows of a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.file_columns import (
    FILE_COLUMN,
    FILE_COLUMN_LINES,
    check_letters,
    declared,
    types_field,
    with_file_column,
)
from jobs.graph.fields.file_path import input_path
from jobs.graph.fields.shared import (
    DECIMAL,
    DELIMITER,
    ENCODING,
    NULL_MARKER,
    check_decimal,
    first_row,
)
from jobs.graph.node_type import UNNAMED, NodeType, WrongField
from jobs.graph.rows.known import Known
from program_lib.types import NUMERIC, Column

MOST_SKIPPED = 1_000  # lines


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    check_decimal(config)
    check_letters(config, "types")
    check_letters(config, "numbers")
    types = declared(config.get("types", []))
    numbers = config.get("numbers", [])
    for name in numbers:
        if types.column(name):
            raise WrongField("numbers", f"the column {name} has a type already: name it once")
    every = Known([*types, *(Column(name, NUMERIC) for name in numbers)])
    return with_file_column(config, every)


CSV_INPUT = NodeType(
    name="csv_input",
    label="CSV Input",
    help="Reads the rows of a CSV file.",
    has_input=False,
    has_output=True,
    fields=(
        input_path(unpacks=True),
        DELIMITER,
        ENCODING,
        Field(
            "skip",
            "Lines to skip",
            "count",
            required=False,
            largest=MOST_SKIPPED,
            help="How many lines stand above the table, as a title or sep=; does; whatever they hold, they are left out.",
        ),
        first_row("and columns are called A, B, C"),
        DECIMAL,
        Field(
            "escape",
            "Escape",
            "choice",
            default="quote",
            choices=("quote", "backslash"),
            help='What stands before a quote within quotes: another one, "5"" nails", or a backslash, "5\\" nails", as Spark,'
            " MySQL and an escapechar of pandas write it; there two backslashes are one.",
        ),
        types_field("What the columns hold; a column that is not named here holds text."),
        Field(
            "numbers",
            "Number columns",
            "names",
            required=False,
            help="Columns that hold numbers, as exact as they are written: the same as the type numeric.",
            former=True,
        ),
        NULL_MARKER,
        FILE_COLUMN,
    ),
    runs_as="Source",
    imports=("program_lib.csv_files.read_csv",),
    template="""
    return read_csv(
        {{ config.path | literal }},
        delimiter={{ config.delimiter | delimiter }},
        encoding={{ config.encoding | literal }},
{% if config.get('types') or config.get('numbers') %}
        types={
{% for entry in config.get('types', []) %}
            {{ entry.column | literal }}: {{ entry.type | literal }},
{% endfor %}
{% for column in config.get('numbers', []) %}
            {{ column | literal }}: "numeric",
{% endfor %}
        },
{% endif %}
{% if config.get('null_marker') %}
        null={{ config.null_marker | literal }},
{% endif %}
{% if config.decimal == 'comma' %}
        decimal=",",
{% endif %}
{% if config.escape == 'backslash' %}
        escape="\\\\",
{% endif %}
{% if config.get('skip') %}
        skip={{ config.skip | literal }},
{% endif %}
{% if config.header == 'values' %}
        header=False,
{% endif %}
"""
    + FILE_COLUMN_LINES
    + """\
    )
""",
    rejects=True,
    known_columns=_known_columns,
    example=Example(
        says="Read an export with semicolons, in which a dash stands for NULL; only what is named is more than text.",
        config={
            "path": "orders.csv",
            "delimiter": "semicolon",
            "types": [{"column": "amount", "type": "numeric"}],
            "null_marker": "-",
        },
        takes={UNNAMED: "id;amount;note\n007;12.50;gift\n008;-;-\n"},
        gives={UNNAMED: rows("id,amount,note", "007,12.50,gift", "008,,")},
    ),
)
