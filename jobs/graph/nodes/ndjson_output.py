"""NDJSON Output: writes each row as a JSON object on its line, into a file that appears when it is complete."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.file_path import output_path
from jobs.graph.fields.splitting import SPLIT_FIELDS, SPLIT_LINES, known_when_split
from jobs.graph.node_type import UNNAMED, NodeType, ReadBy

NDJSON_OUTPUT = NodeType(
    name="ndjson_output",
    label="NDJSON Output",
    help="Writes each row as a JSON object on its line, into a file that appears when it is complete.",
    has_input=True,
    has_output=False,
    fields=(
        output_path(packs=True),
        *SPLIT_FIELDS,
    ),
    writes="path",
    runs_as="Output",
    imports=("program_lib.ndjson_files.write_ndjson",),
    template="""
    return write_ndjson(
        {{ config.path | literal }},
"""
    + SPLIT_LINES
    + """\
    )
""",
    rejects=True,
    known_columns=known_when_split,
    read_by=ReadBy("ndjson_input", ("path",)),
    example=Example(
        says="Write rows for a program that reads JSON line by line.",
        config={"path": "events.ndjson"},
        takes={UNNAMED: rows("user,ms", "ann,12", "bo,")},
        gives={UNNAMED: '{"user":"ann","ms":12}\n{"user":"bo","ms":null}\n'},
        types={"ms": "integer"},
    ),
)
