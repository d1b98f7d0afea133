"""What a node's settings say of the columns of a file, or of a service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobs.graph.fields import Field
from jobs.graph.known import Known
from program_lib.types import COLUMN_TYPES, Column


def types_field(help_text: str) -> Field:
    """The field that declares columns by their names."""
    return Field("types", "Types", "types", required=False, help=help_text)


def declared(entries: Iterable[Mapping[str, str]]) -> Known:
    """The columns that the entries of `types_field` declare; there may be others."""
    return Known(Column(entry["column"], COLUMN_TYPES[entry["type"]]) for entry in entries)
