"""Parquet Input: reads the rows of a Parquet file, which declares its columns itself."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.file_columns import FILE_COLUMN, FILE_COLUMN_LINES, with_file_column
from jobs.graph.fields.file_path import input_path
from jobs.graph.node_type import UNNAMED, NodeType
from jobs.graph.rows.known import Known

PARQUET_INPUT = NodeType(
    name="parquet_input",
    label="Parquet Input",
    help="Reads the rows of a Parquet file, which declares what its columns hold.",
    has_input=False,
    has_output=True,
    fields=(
        input_path(),
        Field(
            "columns",
            "Columns",
            "names",
            required=False,
            help="The columns to read, in this order; where none is named, all are read.",
        ),
        FILE_COLUMN,
    ),
    runs_as="Source",
    imports=("program_lib.parquet_files.read_parquet",),
    template="""
    return read_parquet(
        {{ config.path | literal }},
{% if config.get('columns') %}
        columns={{ config.columns | literal }},
{% endif %}
"""
    + FILE_COLUMN_LINES
    + """\
    )
""",
    known_columns=lambda config, known: with_file_column(config, Known()),
    example=Example(
        says="Read two columns of a wide file; the others are not even unpacked.",
        config={"path": "orders.parquet", "columns": ["amount", "id"]},
        takes={UNNAMED: rows("id,note,amount", "1,gift,12.50", "2,,")},
        gives={UNNAMED: rows("amount,id", "12.50,1", ",2")},
        types={"id": "integer", "amount": "numeric"},
    ),
)
