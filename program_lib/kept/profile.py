"""What a node gave, as it was kept, for people: its first rows, and for each column its NULLs, least and greatest value."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.editor.preview import shown_rows, tell
from program_lib.errors import ProgramError
from program_lib.kept.source import KeptFile, kept_files
from program_lib.process.exit_codes import FAILED
from program_lib.process.reasons import reason
from program_lib.types import Column, Kind, Schema

# Types whose values have no order, or none that their text has
UNORDERED = {Kind.JSON, Kind.INTERVAL, Kind.OTHER}


def show_kept(directory: str, number: int, output: str | None, *, rows: int, seconds: float) -> int:
    """Tells what is kept of a node, in preview.json; the exit code. Reads for at most `seconds`, a batch at a time."""
    try:
        tell(_shown(kept_files(Path(directory), number), output, rows, seconds))
    except Exception as error:
        tell({"message": reason(error)})
        return FAILED
    return 0


def _shown(
    files: Sequence[KeptFile], output: str | None, rows: int, seconds: float
) -> dict[str, Any]:
    named = {file.output: file for file in files}
    file = files[0] if output is None else named.get(output)
    if file is None:
        raise ProgramError(f"it has no output {output!r}")
    end = time.monotonic() + seconds
    figures = [Figures(column) for column in file.schema]
    first: list[list[Any]] = []
    seen = 0
    for table in file.tables():
        if not seen:
            first = shown_rows(table.slice(0, rows), file.schema)
        seen += len(table)
        for one in figures:
            one.see(table[one.column.name])
        if time.monotonic() > end:
            break
    return {
        "columns": file.schema.names,
        "types": [str(column.type) for column in file.schema],
        "rows": first,
        "truncated": len(file) > len(first),
        "timedOut": seen < len(file),
        "count": len(file),
        "seen": seen,
        "figures": [one.document() for one in figures],
        "output": file.output,
        "outputs": [{"name": name, "rows": len(of)} for name, of in named.items()],
    }


@dataclass
class Figures:
    """NULLs, the least and the greatest value of a column, of the tables seen."""

    column: Column
    nulls: int = 0
    least: Any = None  # as the column holds it
    greatest: Any = None

    def see(self, values: pa.ChunkedArray) -> None:
        self.nulls += values.null_count
        if self.column.type.kind in UNORDERED or values.null_count == len(values):
            return
        least, greatest = _ends(values, self.column.type.kind)
        if least is None:  # NaN alone
            return
        key = _key(self.column.type.kind)
        self.least = least if self.least is None else min(self.least, least, key=key)
        self.greatest = greatest if self.greatest is None else max(self.greatest, greatest, key=key)

    def document(self) -> dict[str, Any]:
        return {
            "nulls": self.nulls,
            "min": self._value(self.least),
            "max": self._value(self.greatest),
        }

    def _value(self, value: Any) -> Any:
        if value is None:
            return None
        schema = Schema([self.column])
        row = pa.table([pa.array([value], self.column.type.arrow())], schema=schema.arrow())
        return shown_rows(row, schema)[0][0]


def _ends(values: pa.ChunkedArray, kind: Kind) -> tuple[Any, Any]:
    if kind is Kind.NUMERIC:
        known = [text for text in values.to_pylist() if text is not None]
        known = [text for text in known if not Decimal(text).is_nan()]
        return (min(known, key=Decimal), max(known, key=Decimal)) if known else (None, None)
    if kind is Kind.DOUBLE:
        values = values.filter(pc.invert(pc.is_nan(values)))
    if kind is Kind.BOOLEAN:
        known = [value for value in pc.unique(values).to_pylist() if value is not None]
        return min(known), max(known)
    ends = pc.min_max(values)
    return _plain(ends["min"]), _plain(ends["max"])


def _plain(scalar: pa.Scalar) -> Any:
    return scalar.as_py()


def _key(kind: Kind) -> Callable[[Any], Any] | None:
    return Decimal if kind is Kind.NUMERIC else None
