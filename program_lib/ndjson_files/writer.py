"""A file of JSON objects, one a line, as a target of rows: written beside its place, and moved there at the end."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from program_lib.csv_files.lines import joined
from program_lib.errors import ProgramError, RowRefused
from program_lib.files.compressed import part_file
from program_lib.files.part_files import TURN
from program_lib.ndjson_files.lines import MAX_LINE
from program_lib.ports import HoldsNothing, WritesAll
from program_lib.stores import Place
from program_lib.texts import column_texts, constant, content, shown
from program_lib.types import Column, Kind, Schema

_AS_IT_IS = {Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL}  # their texts are JSON
_NUMBER = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"
_ESCAPED = r'["\\\x00-\x1f]'


class NdjsonWriter(HoldsNothing, WritesAll):
    """A target of rows: program_lib.ports.Writer over a file, whose path is checked already."""

    def __init__(self, path: Place, *, packing: str | None = None) -> None:
        self._part = part_file(path, packing)
        self._schema = Schema()

    @property
    def turn(self) -> tuple[int, int]:
        return TURN

    def start(self, say: Callable[[str], None]) -> None:
        self._part.start()

    def open(self, schema: Schema) -> None:
        if bad := [name for name in schema.names if not name or "\0" in name]:
            raise ProgramError(
                f"a column is called {bad[0]!r}, which would not be read again: rename it"
            )
        self._schema = schema

    def write(self, table: pa.Table) -> None:
        self.put(self.prepared(table))

    def prepared(self, table: pa.Table) -> bytes:
        """Its lines. Raises RowRefused."""
        return object_lines(table, self._schema)

    def put(self, prepared: bytes) -> None:
        self._part.append(prepared)

    @property
    def size(self) -> int:
        return self._part.size

    def finish(self) -> None:
        self._part.finish()

    def commit(self) -> None:
        self._part.commit()

    def undo(self) -> None:
        self._part.undo()


def object_lines(table: pa.Table, schema: Schema) -> bytes:
    """The rows as lines of JSON in UTF-8, all members in each. Raises RowRefused for a value that JSON has not."""
    if not len(table):
        return b""
    parts: list[pa.Array | pa.Scalar] = []
    for at, column in enumerate(schema):
        name = json.dumps(column.name, ensure_ascii=False)
        parts += [constant(f"{',' if at else '{'}{name}:"), _values(table.column(at), column)]
    rows = pc.binary_join_element_wise(
        *parts, constant("}"), constant(""), null_handling="replace", null_replacement="null"
    )
    _check_sizes(rows)
    return joined(rows)


def _values(values: pa.ChunkedArray, column: Column) -> pa.Array:
    texts = column_texts(values, column.type, column.name)
    match column.type.kind:
        case kind if kind in _AS_IT_IS:
            return texts
        case Kind.DOUBLE | Kind.NUMERIC:
            return _numbers(texts, column.name)
        case Kind.JSON:
            return _nested(texts, column.name)
    return _strings(texts)


def _numbers(texts: pa.Array, name: str) -> pa.Array:
    is_number = pc.match_substring_regex(texts, _NUMBER)
    index = pc.index(is_number, False).as_py()
    if index >= 0:
        raise RowRefused(index, f"{shown(texts[index].as_py())} is no number that JSON has", name)
    return texts


def _strings(texts: pa.Array) -> pa.Array:
    quote = constant('"')
    quoted = pc.binary_join_element_wise(quote, texts, quote, constant(""))
    is_special = pc.fill_null(pc.match_substring_regex(texts, _ESCAPED), False)
    if not pc.any(is_special, min_count=0).as_py():
        return quoted
    special = [
        json.dumps(text, ensure_ascii=False) for text in texts.filter(is_special).to_pylist()
    ]
    return pc.replace_with_mask(quoted, is_special, pa.array(special, pa.string()))


def _nested(texts: pa.Array, name: str) -> pa.Array:
    """JSON stands as it is, on one line. Raises RowRefused where it is none."""
    found = []
    for index, text in enumerate(texts.to_pylist()):
        try:
            found.append(None if text is None else _on_one_line(text))
        except (msgspec.DecodeError, RecursionError) as error:
            raise RowRefused(index, f"{shown(text)} is no JSON: {error}", name) from error
    return pa.array(found, pa.string())


def _on_one_line(text: str) -> str:
    """Line ends stand between the values of JSON only."""
    msgspec.json.decode(text, type=msgspec.Raw)
    return text.replace("\n", " ").replace("\r", " ")


def _check_sizes(rows: pa.Array) -> None:
    """What we write we can read: no line is longer than the reader takes."""
    if len(content(rows)) <= MAX_LINE:
        return
    index = pc.index(pc.greater(pc.binary_length(rows), MAX_LINE), True).as_py()
    if index >= 0:
        raise RowRefused(index, f"the row is longer than {MAX_LINE // 1024 // 1024} MB of JSON")
