"""CSV Output: writes the rows into a CSV file, which appears when it is complete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.file_path import output_path
from jobs.graph.fields.shared import (
    DECIMAL,
    DELIMITER,
    ENCODING,
    NULL_MARKER,
    check_decimal,
    first_row,
)
from jobs.graph.fields.splitting import SPLIT_FIELDS, SPLIT_LINES, known_when_split
from jobs.graph.node_type import UNNAMED, NodeType, ReadBy
from jobs.graph.rows.known import Known


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    check_decimal(config)
    return known_when_split(config, known)


def _first_column(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Names the column that each file without names has, so that one without rows can be looked at, too."""
    return {"types": [{"column": "A", "type": "text"}]} if config.get("header") == "values" else {}


CSV_OUTPUT = NodeType(
    name="csv_output",
    label="CSV Output",
    help="Writes the rows into a CSV file, which appears when it is complete.",
    has_input=True,
    has_output=False,
    fields=(
        output_path(packs=True),
        DELIMITER,
        ENCODING,
        first_row("for programs that want no names"),
        DECIMAL,
        NULL_MARKER,
        *SPLIT_FIELDS,
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
{% if config.decimal == 'comma' %}
        decimal=",",
{% endif %}
{% if config.header == 'values' %}
        header=False,
{% endif %}
"""
    + SPLIT_LINES
    + """\
    )
""",
    rejects=True,
    known_columns=_known_columns,
    read_by=ReadBy(
        "csv_input",
        ("path", "delimiter", "encoding", "decimal", "header", "null_marker"),
        _first_column,
    ),
    example=Example(
        says="Write a file for a spreadsheet that wants tabs.",
        config={"path": "report.tsv", "delimiter": "tab"},
        takes={UNNAMED: rows("id,amount,note", '1,12.50,"two, please"', "2,,")},
        gives={UNNAMED: "id\tamount\tnote\n1\t12.50\ttwo, please\n2\t\t\n"},
        types={"amount": "numeric"},
    ),
)
