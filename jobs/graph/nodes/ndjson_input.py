"""NDJSON Input: reads the rows of a file of JSON objects, one a line or all in a list."""

from __future__ import annotations

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.file_columns import (
    FILE_COLUMN,
    FILE_COLUMN_LINES,
    TYPES_LINES,
    columns_of_file,
    types_field,
)
from jobs.graph.fields.file_path import input_path
from jobs.graph.node_type import UNNAMED, NodeType

NDJSON_INPUT = NodeType(
    name="ndjson_input",
    label="NDJSON Input",
    help="Reads the rows of a file of JSON objects, one a line or all in a list; a member that is missing is NULL.",
    has_input=False,
    has_output=True,
    fields=(
        input_path(unpacks=True),
        types_field(
            "What the columns hold; a member that is not named here is text, and a nested one its JSON."
        ),
        Field(
            "others",
            "Other members",
            "choice",
            default="refuse",
            choices=("refuse", "ignore"),
            help="What becomes of a member that neither the first 1,000 lines nor Types have.",
        ),
        FILE_COLUMN,
    ),
    runs_as="Source",
    imports=("program_lib.ndjson_files.read_ndjson",),
    template="""
    return read_ndjson(
        {{ config.path | literal }},
"""
    + TYPES_LINES
    + """\
        others={{ config.others | literal }},
"""
    + FILE_COLUMN_LINES
    + """\
    )
""",
    rejects=True,
    known_columns=columns_of_file,
    example=Example(
        says="Read the log of an application, an object a line; what the second one lacks is NULL.",
        config={"path": "events.ndjson", "types": [{"column": "ms", "type": "integer"}]},
        takes={UNNAMED: '{"user": "ann", "ms": 12}\n{"user": "bo"}\n'},
        gives={UNNAMED: rows("user,ms", "ann,12", "bo,")},
    ),
)
