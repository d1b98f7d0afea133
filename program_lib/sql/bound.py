"""Parameters in a query: each :name becomes the value of a variable of the connection, to which the value is bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from program_lib.parameters import Value
from program_lib.parameters.placeholders import POSTGRESQL, pieces, put_for
from program_lib.types import Kind

MOST_WHOLE = 2**63 - 1  # what a BIGINT holds


@dataclass(frozen=True)
class Bound:
    """A query as DuckDB gets it, and where each piece of it stands in the text that a person wrote."""

    written: str
    text: str
    _starts: tuple[
        tuple[int, int], ...
    ]  # of each piece: its first byte in `text`, its first character in `written`

    def place(self, position: int) -> str:
        """Where a byte of `text` stands in what was written: "line 2, column 8"."""
        start, first = max((one for one in self._starts if one[0] <= position), default=(0, 0))
        inside = self.text.encode()[start:position].decode(errors="replace")
        end = self._end(first)
        before = self.written[: min(first + len(inside), end)]
        return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"

    def _end(self, first: int) -> int:
        later = [written for _, written in self._starts if written > first]
        return min(later, default=len(self.written))


def bound(query: str, values: Mapping[str, Value]) -> Bound:
    """The query with its parameters as variables. Raises ProgramError for a name that is none."""
    made, starts, written = "", [(0, 0)], 0
    for text, name in pieces(query, POSTGRESQL) if values else [(query, None)]:
        starts.append((len(made.encode()), written))
        made += text if name is None else put_for(name, values, _variable)
        written += len(text)
    return Bound(query, made, tuple(starts))


def _variable(name: str, value: Value) -> str:
    return f"getvariable('{name}')"


def bind(connection: duckdb.DuckDBPyConnection, values: Mapping[str, Value]) -> None:
    """Gives the variables of a connection their values."""
    for name, value in values.items():
        connection.execute(f'SET VARIABLE "{name}" = CAST(? AS {_type(value)})', [value.text])


def _type(value: Value) -> str:
    if value.type.kind is Kind.DATE:
        return "DATE"
    if value.type.kind is not Kind.NUMERIC:
        return "VARCHAR"
    whole, _, after = (value.text or "0").lstrip("-").partition(".")
    if not after and int(whole) <= MOST_WHOLE:
        return "BIGINT"
    return f"DECIMAL({max(1, len(whole.lstrip('0')) + len(after))},{len(after)})"
