"""Excel Output: writes the rows into a sheet of an Excel file (.xlsx), which appears when it is complete."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.file_path import output_path
from jobs.graph.fields.splitting import SPLIT_FIELDS, SPLIT_LINES, known_when_split
from jobs.graph.node_type import UNNAMED, NodeType, ReadBy

EXCEL_OUTPUT = NodeType(
    name="excel_output",
    label="Excel Output",
    help="Writes the rows into a sheet of an Excel file (.xlsx), which appears when it is complete.",
    has_input=True,
    has_output=False,
    fields=(
        output_path(),
        Field("sheet", "Sheet", "sheet", default="Sheet1", help="What its sheet is called."),
        Field(
            "inexact",
            "What Excel would change",
            "choice",
            default="refuse",
            choices=("refuse", "text"),
            help="Numbers of more than 15 digits, times with microseconds, dates before March 1900: refuse fails the"
            " row, text writes what they are as text.",
        ),
        Field(
            "overflow",
            "Beyond 1,048,576 rows",
            "choice",
            default="refuse",
            choices=("refuse", "sheet"),
            help="What becomes of rows that a sheet has no room for: refuse fails, sheet begins a further sheet, which"
            " is called as the first one and numbered.",
        ),
        *SPLIT_FIELDS,
    ),
    writes="path",
    runs_as="Output",
    imports=("program_lib.excel_files.write_excel",),
    template="""
    return write_excel(
        {{ config.path | literal }},
        sheet={{ config.sheet | literal }},
        inexact={{ config.inexact | literal }},
        overflow={{ config.overflow | literal }},
"""
    + SPLIT_LINES
    + """\
    )
""",
    rejects=True,
    known_columns=known_when_split,
    read_by=ReadBy("excel_input", ("path", "sheet")),
    example=Example(
        says="Hand a report to somebody who opens it in Excel: dates are dates there, and codes keep their zeros.",
        config={"path": "report.xlsx", "sheet": "Orders"},
        takes={UNNAMED: rows("code,amount,paid", "007,12.5,2026-07-31", "008,,")},
        gives={UNNAMED: rows("code,amount,paid", "007,12.5,2026-07-31", "008,,")},
        types={"amount": "numeric", "paid": "date"},
    ),
)
