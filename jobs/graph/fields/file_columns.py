"""What a node's settings say of the columns of a file, or of a service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobs.graph.fields.checks import shown
from jobs.graph.fields.field import Field
from jobs.graph.fields.wrong_fields import WrongField
from jobs.graph.rows.known import Known
from program_lib.notation.excel_cells import column_of, letters_of
from program_lib.types import COLUMN_TYPES, TEXT, Column

FILE_COLUMN = Field(
    "file_column",
    "File's column",
    "column",
    required=False,
    help="A column to hold the path of each row's file, as it matches; by default there is none.",
)
# Of a template, within its call
TYPES_LINES = """\
{% if config.get('types') %}
        types={
{% for entry in config.types %}
            {{ entry.column | literal }}: {{ entry.type | literal }},
{% endfor %}
        },
{% endif %}
"""
FILE_COLUMN_LINES = """\
{% if config.get('file_column') %}
        file_column={{ config.file_column | literal }},
{% endif %}
"""


def types_field(help_text: str) -> Field:
    """The field that declares columns by their names."""
    return Field("types", "Types", "types", required=False, help=help_text)


def with_file_column(config: Mapping[str, Any], known: Known) -> Known:
    """The columns of an input that are known, and the one that holds the file where it is asked for."""
    name = config.get("file_column")
    if not name or known.column(name) is not None:
        return known
    return Known([*known, Column(name, TEXT)])


def declared(entries: Iterable[Mapping[str, str]]) -> Known:
    """The columns that the entries of `types_field` declare; there may be others."""
    return Known(Column(entry["column"], COLUMN_TYPES[entry["type"]]) for entry in entries)


def columns_of_file(config: Mapping[str, Any], known: Known) -> Known:
    """The rule of an input whose columns `types` and `file_column` name."""
    return with_file_column(config, declared(config.get("types", [])))


def check_letters(config: Mapping[str, Any], field: str, first: int = 1) -> None:
    """Raises WrongField where a field names a column that no table has whose first row is values.

    Columns are called by letters there, from that of the `first` one on. How many there are, only the file tells.
    """
    if config["header"] != "values":
        return
    for entry in config.get(field, []):
        name = entry if isinstance(entry, str) else entry["column"]
        if column_of(name) < first or letters_of(column_of(name)) != name:
            called = ", ".join(letters_of(first + place) for place in range(3))
            raise WrongField(
                field,
                f"there is no column {shown(name)}: where the first row is values, columns are called {called} and so on",
                name,
            )
