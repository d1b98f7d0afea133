"""Rows of a CSV file, strictly."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from typing import BinaryIO, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from program_lib.csv_files.blocks import Blocks, not_in
from program_lib.csv_files.comma_numbers import parse_with_comma
from program_lib.csv_files.form import Form
from program_lib.csv_files.grammar import Broken, Grammar
from program_lib.csv_files.header import Header, Top, header
from program_lib.csv_files.source import Source
from program_lib.errors import RowRefused
from program_lib.files.line_finder import LineFinder, RowLines
from program_lib.pieces import pieces
from program_lib.ports import Uncounted
from program_lib.texts import parse_column, shown
from program_lib.types import Schema, Type

Opener = Callable[[str], BinaryIO]
Read = tuple[pa.Table, float | None]  # rows, and which part of the file's bytes is read with them

# Tables, each of four times MOST_READ at most. The first is small: beside the second is made what takes long at the start
AHEAD = 2
BYTE_ORDER_MARK = "\ufeff".encode()
LINE_ENDS = (b"\n", b"\r")


def open_file(path: str) -> BinaryIO:
    return open(path, "rb")


class CsvReader(Uncounted):
    """A source of rows: program_lib.ports.TextReader over a file, below its `skip` first lines.

    Its first line there names the columns where `has_header`; else it is a row, and they are called A, B, C.
    `types` says what columns hold; the others are texts. `null`, unquoted, is NULL; a quoted one is a text.
    A blank line is a row of NULL where there is one column, else it is nothing. `of_all` are the columns of all files
    of which it is one: those of a file that has no line, and no names.
    """

    def __init__(
        self,
        path: str,
        *,
        delimiter: str = ",",
        encoding: str = "utf-8",
        types: Mapping[str, Type] | None = None,
        null: str = "",
        quote: str | None = '"',
        is_quoted_null: bool = False,
        decimal: str = ".",
        escape: str = '"',
        skip: int = 0,
        has_header: bool = True,
        of_all: Schema | None = None,
        opener: Opener = open_file,
    ) -> None:
        self._path, self._name = path, PurePath(path).name
        self._form = Form(delimiter, encoding, quote, null, is_quoted_null, decimal, escape)
        self._grammar = Grammar(self._form)
        self._top = Top(skip, has_header)
        self._types, self._of_all = types or {}, of_all
        self._opener = opener
        self._file: BinaryIO | None = None
        self._share: float | None = None
        self._lines = LineFinder(self._rows_again)
        self._blocks: Blocks
        self._header: Header

    def open(self) -> Schema:
        self._file = self._opener(self._path)
        source = Source(self._file, self._form.encoding)
        self._blocks = Blocks(source, self._grammar, self._name, self._top)
        first = self._blocks.first_fields()
        if first or self._top.has_header or self._of_all is None:
            self._header = header(first, self._types, self._name, self._top)
        else:
            self._header = Header(self._of_all, len(self._of_all))
        return self._header.schema

    def batches(self) -> Iterator[pa.Table]:
        """As Reader says. Of a file, the next rows are parsed by a thread while the caller works on these."""
        return self._pieces(lambda block: self.typed(self._written(block)))

    def written(self) -> Iterator[pa.Table]:
        return self._pieces(self._written)

    def typed(self, written: pa.Table) -> pa.Table:
        refused: list[RowRefused] = []
        columns = [self._column(written, at, refused) for at in range(len(self._header.schema))]
        if refused:
            raise min(refused, key=lambda one: one.index)
        return pa.table(columns, schema=self._header.schema.arrow())

    def texts(self, written: pa.Table) -> pa.Table:
        return written

    def _pieces(self, made_of: Callable[[bytes], pa.Table]) -> Iterator[pa.Table]:
        tables = self._tables(made_of)
        if self._blocks.can_be_read_again:
            tables = _ahead(tables)
        for table, self._share in tables:
            yield from pieces(table)

    def share(self) -> float | None:
        return self._share

    def where(self, number: int) -> str:
        """The line of a row; of a pipe, whose lines are gone, its number."""
        if not self._blocks.can_be_read_again:
            return f"row {number:,} of {self._name}"
        return f"line {self._lines.line(number):,} of {self._name}"

    @property
    def can_be_read_again(self) -> bool:
        return self._blocks.can_be_read_again

    def close(self) -> None:
        self._lines.close()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _tables(self, made_of: Callable[[bytes], pa.Table]) -> Iterator[Read]:
        """The rows of each block, and how much of the file is read with them."""
        while block := self._blocks.next():
            table = made_of(block)
            self._blocks.expect(len(table), len(block))
            yield table, self._blocks.share()

    def _written(self, block: bytes) -> pa.Table:
        """The rows of a block as texts. Raises ProgramError for a line, RowRefused for a field without a column."""
        try:
            strings = self._strings(block)
        except pa.ArrowInvalid as error:
            self._explain(block, error)
        self._check_nameless(strings)
        schema = self._header.schema
        return strings.select(range(len(schema))).rename_columns(schema.names)

    def _column(self, strings: pa.Table, at: int, refused: list[RowRefused]) -> pa.Array:
        column = self._header.schema[at]
        parse = parse_with_comma if self._form.has_comma(column.type) else parse_column
        try:
            return parse(strings.column(at), column.type, column.name)
        except RowRefused as error:
            refused.append(error)
            return None

    def _strings(self, block: bytes) -> pa.Table:
        """All fields as texts. Arrow would skip a byte order mark here, which is text in mid-file.

        Of an empty last field it would also say that it is quoted if the one before is, unless the line ends.
        """
        has_mark = block.startswith(BYTE_ORDER_MARK)
        if not block.endswith(LINE_ENDS):
            block += b"\n"
        table = pa_csv.read_csv(
            pa.BufferReader(b"\n" + block if has_mark else block),
            read_options=pa_csv.ReadOptions(
                use_threads=False,
                block_size=len(block) + 2,
                column_names=[str(at) for at in range(self._header.width)],
            ),
            parse_options=self._parse_options(ends_a_line=block.endswith(b"\n")),
            convert_options=self._convert_options(is_ascii=block.isascii()),
        )
        return table.slice(1) if has_mark and self._has_one_column else table

    def _parse_options(self, *, ends_a_line: bool) -> pa_csv.ParseOptions:
        """Arrow looks for the end of the last record, at the cost of a pass over all fields, unless it is a line's end."""
        return pa_csv.ParseOptions(
            delimiter=self._form.delimiter,
            quote_char=self._form.quote or False,
            newlines_in_values=not ends_a_line,
            ignore_empty_lines=not self._has_one_column,
        )

    def _convert_options(self, *, is_ascii: bool) -> pa_csv.ConvertOptions:
        return pa_csv.ConvertOptions(
            check_utf8=not is_ascii,
            column_types={str(at): pa.string() for at in range(self._header.width)},
            null_values=[self._form.null],
            strings_can_be_null=True,
            quoted_strings_can_be_null=self._form.is_quoted_null,
        )

    @property
    def _has_one_column(self) -> bool:
        return self._header.width == 1

    def _check_nameless(self, strings: pa.Table) -> None:
        """Raises RowRefused where something stands in the last column, though the first line has no name for it."""
        if not self._header.has_nameless_last:
            return
        fields = strings.column(self._header.width - 1).combine_chunks()
        is_full = pc.fill_null(pc.not_equal(fields, ""), False)
        index = pc.index(is_full, True).as_py()
        if index >= 0:
            found = shown(fields[index].as_py())
            reason = f"{found} stands in column {self._header.width}, which has no name in line {self._top.line:,}"
            raise RowRefused(index, reason)

    def _explain(self, block: bytes, error: pa.ArrowInvalid) -> NoReturn:
        """Finds the line that Arrow refused: it has too few fields, too many, or bytes that are not UTF-8."""
        for record in self._grammar.records(block, is_last=True):
            line = block[record.start : record.end]
            if not line and not self._has_one_column:
                continue
            fields = self._grammar.fields(line)
            if len(fields) != self._header.width:
                count = f"{len(fields)} field" + ("s" if len(fields) != 1 else "")
                first = f"line {self._top.line:,}" if self._top.skipped else "the first line"
                what = f"has {count} where {first} has {self._header.width}"
                raise self._blocks.broken(Broken(record.line, what))
            self._check_utf8(line, record.line)
        raise error

    def _check_utf8(self, line: bytes, number: int) -> None:
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise self._blocks.broken(
                Broken(number, not_in("utf-8", line[error.start : error.start + 1]))
            ) from error

    def _rows_again(self) -> Generator[RowLines, None, None]:
        with self._opener(self._path) as file:
            source = Source(file, self._form.encoding)
            blocks = Blocks(source, self._grammar, self._name, self._top, counts_lines=True)
            blocks.first_fields()
            while block := blocks.next():
                rows = self._grammar.rows(block, are_blanks_rows=self._has_one_column)
                yield RowLines(rows, partial(self._lines_of, block, blocks.lines_to_start()))

    def _lines_of(self, block: bytes, before: int) -> list[int]:
        """The line of each row of a block that begins after so many lines."""
        records = self._grammar.records(block, is_last=True)
        return [
            before + record.line
            for record in records
            if self._has_one_column or record.end > record.start
        ]


def _ahead(tables: Iterator[Read]) -> Iterator[Read]:
    """Tables made before they are asked for. The thread ends with the iteration, and waits for nobody: a file has all its bytes."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="csv")
    try:
        coming = deque(thread.submit(next, tables, None) for _ in range(AHEAD))
        while (table := coming.popleft().result()) is not None:
            coming.append(thread.submit(next, tables, None))
            yield table
    finally:
        thread.shutdown(cancel_futures=True)
