"""NDJSON Output: writes each row as a JSON object on its line, into a file that appears when it is complete."""

from __future__ import annotations

from jobs.graph.fields import Field
from jobs.graph.node_type import NodeType

NDJSON_OUTPUT = NodeType(
    name="ndjson_output",
    label="NDJSON Output",
    help="Writes each row as a JSON object on its line, into a file that appears when it is complete.",
    has_input=True,
    has_output=False,
    fields=(
        Field(
            "path",
            "Path",
            "path",
            help="The file; a relative path lies in DATA_DIR. One that ends with .gz or .zst is packed.",
        ),
    ),
    writes="path",
    runs_as="Output",
    imports=("program_lib.ndjson_files.write_ndjson",),
    template="""
    return write_ndjson({{ config.path | literal }})
""",
    known_columns=lambda config, known: known,
)
