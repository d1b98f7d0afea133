"""Lines of CSV from typed columns: a field is quoted where it must be."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.csv_files.comma_numbers import with_comma
from program_lib.csv_files.form import MAX_RECORD, NOTE_FOR_EXCEL, Form
from program_lib.errors import ProgramError, RowRefused
from program_lib.texts import column_texts, constant, content, shown
from program_lib.types import AS_TEXT, Column, Kind, Schema

MAY_NEED_QUOTES = AS_TEXT | {Kind.TEXT}  # numbers, dates and the like hold no delimiter (see Form)


def csv_lines(
    table: pa.Table, schema: Schema, form: Form, *, may_be_first: bool = False
) -> memoryview:
    """The rows as UTF-8, each with LF at its end; numbers, dates and the like in the forms of program_lib.texts.

    NULL is `form.null`, unquoted; a text that reads the same, as the empty one does, is quoted. So is a first one that
    would be no value at the start of a file, where they `may_be_first` there. Raises RowRefused for a value that has no text, or that the form could not tell from another.
    """
    if not len(table):
        return memoryview(b"")
    fields = [_fields(table.column(at), column, form) for at, column in enumerate(schema)]
    if may_be_first:
        fields[0] = _as_value(fields[0], form)
    ends = _side_by_side([fields.pop(), constant("\n")], "", form)
    rows = _side_by_side([*fields, ends], form.delimiter, form)
    _check_sizes(rows)
    return content(rows)


def _side_by_side(texts: Sequence[pa.Array | pa.Scalar], between: str, form: Form) -> pa.Array:
    return pc.binary_join_element_wise(
        *texts, constant(between), null_handling="replace", null_replacement=form.null
    )


def joined(rows: pa.Array) -> bytes:
    """Texts as lines, each with LF at its end."""
    bounds = pa.py_buffer(struct.pack("=ii", 0, len(rows)))
    all_rows = pa.Array.from_buffers(pa.list_(rows.type), 1, [None, bounds], children=[rows])
    return b"".join((content(pc.binary_join(all_rows, constant("\n"))), b"\n"))


def header_line(schema: Schema, form: Form) -> bytes:
    """The line that names the columns, in UTF-8. Raises ProgramError for a name that would not come back."""
    return (form.delimiter.join(_header_field(name, form) for name in schema.names) + "\n").encode()


def _header_field(name: str, form: Form) -> str:
    """A name; quoted where spaces stand around it, too, which are not counted otherwise, and where Excel would not show it."""
    if not name or "\0" in name:
        raise ProgramError(f"a column is called {name!r}, which no CSV file can say: rename it")
    is_plain = name == name.strip() and not _is_odd(name)
    if is_plain and not any(sign in name for sign in _signs(form)):
        return name
    if form.quote is None:
        raise ProgramError(f"a column is called {name!r}, which needs quotes: rename it")
    return form.quote + name.replace(form.quote, form.quote * 2) + form.quote


def _is_odd(first: str) -> bool:
    """Whether a file that begins with this field begins with a byte order mark, or with a note for Excel."""
    return first.startswith("\ufeff") or NOTE_FOR_EXCEL.fullmatch(first.strip()) is not None


def _as_value(fields: pa.Array, form: Form) -> pa.Array:
    """The fields of a column, of which the first would be no value at the start of a file without quotes."""
    first = fields[0].as_py()
    if first is None or form.quote is None or not _is_odd(first):
        return fields
    return pa.concat_arrays([pa.array([form.quote + first + form.quote]), fields[1:]])


def _check_sizes(rows: pa.Array) -> None:
    """What we write we can read: no row is longer than the reader takes."""
    most = MAX_RECORD + len("\n")
    if len(content(rows)) <= most:
        return
    index = pc.index(pc.greater(pc.binary_length(rows), most), True).as_py()
    if index >= 0:
        raise RowRefused(index, f"the row is longer than {MAX_RECORD // 1024 // 1024} MB of CSV")


def _fields(values: pa.ChunkedArray, column: Column, form: Form) -> pa.Array:
    texts = column_texts(values, column.type, column.name)
    if form.has_comma(column.type):
        texts = with_comma(texts)
    if column.type.kind not in MAY_NEED_QUOTES and not form.null:
        return texts
    is_special = _is_special(texts, form)
    return texts if is_special is None else _quoted(texts, is_special, column.name, form)


def _is_special(texts: pa.Array, form: Form) -> pa.Array | None:
    """Which texts must be quoted; None where none must."""
    all_of_them = bytes(content(texts))
    found = [
        pc.match_substring(texts, sign) for sign in _signs(form) if sign.encode() in all_of_them
    ]
    is_null_like = pc.equal(texts, constant(form.null))
    if pc.any(is_null_like).as_py():
        found.append(is_null_like)
    return pc.fill_null(reduce(pc.or_, found), False) if found else None


def _signs(form: Form) -> tuple[str, ...]:
    return (form.delimiter, form.quote or "\n", "\r", "\n")


def _quoted(texts: pa.Array, is_special: pa.Array, name: str, form: Form) -> pa.Array:
    _check_can_be_said(texts, is_special, name, form)
    if form.quote is None:
        return texts
    doubled = texts.filter(is_special)
    if form.quote.encode() in bytes(content(doubled)):
        doubled = pc.replace_substring(doubled, form.quote, form.quote * 2)
    quote = constant(form.quote)
    quoted = pc.binary_join_element_wise(quote, doubled, quote, constant(""))
    return pc.replace_with_mask(texts, is_special, quoted)


def _check_can_be_said(texts: pa.Array, is_special: pa.Array, name: str, form: Form) -> None:
    """Raises RowRefused where quotes would help, and the form has none, or where they would not tell from NULL."""
    if form.quote is None:
        unsayable, why = is_special, "needs quotes, and this file has none"
    elif form.is_quoted_null:
        unsayable, why = pc.equal(texts, constant(form.null)), "is NULL in this file, quoted or not"
    else:
        return
    index = pc.index(pc.fill_null(unsayable, False), True).as_py()
    if index >= 0:
        raise RowRefused(index, f"{shown(texts[index].as_py())} {why}", name)
