"""Parquet Output: writes the rows into a Parquet file, which appears when it is complete."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.file_path import output_path
from jobs.graph.fields.splitting import SPLIT_FIELDS, SPLIT_LINES, known_when_split
from jobs.graph.node_type import UNNAMED, NodeType, ReadBy

PARQUET_OUTPUT = NodeType(
    name="parquet_output",
    label="Parquet Output",
    help="Writes the rows into a Parquet file, which appears when it is complete.",
    has_input=True,
    has_output=False,
    fields=(
        output_path(),
        Field(
            "compression",
            "Compression",
            "choice",
            default="zstd",
            choices=("zstd", "snappy", "gzip", "none"),
            help="How its pages are packed: zstd makes small files fast, snappy is what the oldest readers know.",
        ),
        *SPLIT_FIELDS,
    ),
    writes="path",
    runs_as="Output",
    imports=("program_lib.parquet_files.write_parquet",),
    template="""
    return write_parquet(
        {{ config.path | literal }},
        compression={{ config.compression | literal }},
"""
    + SPLIT_LINES
    + """\
    )
""",
    known_columns=known_when_split,
    read_by=ReadBy("parquet_input", ("path",)),
    example=Example(
        says="Keep a day's rows small, with their types, for the next tool.",
        config={"path": "day.parquet"},
        takes={UNNAMED: rows("id,amount", "1,12.50", "2,")},
        gives={UNNAMED: rows("id,amount", "1,12.50", "2,")},
        types={"id": "integer", "amount": "numeric"},
    ),
)
