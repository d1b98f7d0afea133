"""A node's columns as text that stands in a Parquet file, and back: nothing of a type is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from program_lib.types import Column, Kind, Schema, Type

KEY = b"progress.columns"  # of the file's metadata
OUTPUT = b"progress.output"  # of the same: which of the node's outputs gave the rows

PLACE = b"progress.place"  # of the same: where the file belongs


def place_text(path: Path) -> bytes:
    """The end of a kept file's path: run, tenant, node and output. DATA_DIR may be moved."""
    return "/".join(path.parts[-4:]).encode()


def schema_text(schema: Schema) -> bytes:
    return json.dumps([_column_document(column) for column in schema]).encode()


def schema_of_text(text: bytes) -> Schema:
    """The schema that `schema_text` made this of."""
    return Schema(_column(entry) for entry in json.loads(text))


def _column_document(column: Column) -> dict[str, Any]:
    of = column.type
    return {
        "name": column.name,
        "isNullable": column.is_nullable,
        "kind": str(of.kind),
        "bits": of.bits,
        "precision": of.precision,
        "scale": of.scale,
        "length": of.length,
        "isPadded": of.is_padded,
        "native": of.native,
    }


def _column(entry: dict[str, Any]) -> Column:
    of = Type(
        Kind(entry["kind"]),
        entry["bits"],
        entry["precision"],
        entry["scale"],
        entry["length"],
        entry["isPadded"],
        entry["native"],
    )
    return Column(entry["name"], of, entry["isNullable"])
