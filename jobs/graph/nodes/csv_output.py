"""CSV Output: writes the rows into a CSV file, which appears when it is complete."""

from __future__ import annotations

from jobs.graph.fields import DELIMITER, ENCODING, NULL_MARKER, Field
from jobs.graph.node_type import NodeType

CSV_OUTPUT = NodeType(
    name="csv_output",
    label="CSV Output",
    help="Writes the rows into a CSV file, which appears when it is complete.",
    has_input=True,
    has_output=False,
    fields=(
        Field(
            "path",
            "Path",
            "path",
            help="The file; a relative path lies in DATA_DIR. One that ends with .gz or .zst is packed.",
        ),
        DELIMITER,
        ENCODING,
        NULL_MARKER,
    ),
    writes="path",
    runs_as="Output",
    imports=("program_lib.csv_files.write_csv",),
    template="""
    return write_csv(
        {{ config.path | literal }},
        delimiter={{ config.delimiter | delimiter }},
        encoding={{ config.encoding | literal }},
{% if config.get('null_marker') %}
        null={{ config.null_marker | literal }},
{% endif %}
    )
""",
    known_columns=lambda config, known: known,
)
