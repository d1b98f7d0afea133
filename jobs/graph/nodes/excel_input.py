"""Excel Input: reads the rows of a sheet of an Excel file (.xlsx)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.file_columns import (
    FILE_COLUMN,
    FILE_COLUMN_LINES,
    TYPES_LINES,
    check_letters,
    columns_of_file,
    types_field,
)
from jobs.graph.fields.file_path import input_path
from jobs.graph.fields.shared import first_row
from jobs.graph.node_type import UNNAMED, NodeType
from jobs.graph.rows.known import Known
from program_lib.notation.excel_cells import place_of


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    start = place_of(config["start"])
    assert start is not None, "it is checked"
    check_letters(config, "types", first=start[1])
    return columns_of_file(config, known)


EXCEL_INPUT = NodeType(
    name="excel_input",
    label="Excel Input",
    help="Reads the rows of a sheet of an Excel file (.xlsx); a row without a value is left out.",
    has_input=False,
    has_output=True,
    fields=(
        input_path(),
        Field(
            "sheet",
            "Sheet",
            "name",
            required=False,
            help="Its name, or its number from 1 on; by default the first one.",
        ),
        Field(
            "start",
            "Table starts at",
            "cell",
            default="A1",
            help="The first cell of the table, for example B3; what stands above it and before it is left out.",
        ),
        first_row("and columns are called A, B, C"),
        types_field(
            "What the columns hold; a column that is not named here holds text: numbers in plain digits, and what"
            " is shown as a date as 2026-07-31."
        ),
        FILE_COLUMN,
    ),
    runs_as="Source",
    imports=("program_lib.excel_files.read_excel",),
    template="""
    return read_excel(
        {{ config.path | literal }},
{% if config.get('sheet') %}
        sheet={{ config.sheet | literal }},
{% endif %}
        start={{ config.start | literal }},
{% if config.header == 'values' %}
        header=False,
{% endif %}
"""
    + TYPES_LINES
    + """\
"""
    + FILE_COLUMN_LINES
    + """\
    )
""",
    rejects=True,
    known_columns=_known_columns,
    example=Example(
        says="Read the table of a report that begins below its title.",
        config={
            "path": "report.xlsx",
            "sheet": "Sheet1",
            "start": "A3",
            "types": [{"column": "amount", "type": "numeric"}, {"column": "paid", "type": "date"}],
        },
        takes={
            UNNAMED: rows("Open orders,,", ",,", "order,amount,paid", "A7,12.5,2026-07-31", "A8,,")
        },
        gives={UNNAMED: rows("order,amount,paid", "A7,12.5,2026-07-31", "A8,,")},
    ),
)
