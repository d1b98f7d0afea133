"""Columns as the cells of a sheet: numbers and dates where Excel keeps them as they are, else texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.csv_files.lines import joined
from program_lib.errors import RowRefused
from program_lib.notation.excel_cells import letters_of
from program_lib.texts import column_texts, constant, shown
from program_lib.types import Column, Kind, Schema, Type

REFUSE, TEXT = "refuse", "text"  # what becomes of a value that Excel would change
EXACT_DIGITS = 15  # of a number: Excel shows and computes with no more
LONGEST_TEXT = 32_767  # units of UTF-16 that a cell has
FIRST_DAY = 61 - 25_569  # 1 March 1900 in days from 1970 on: Excel counts those before it wrongly
DAYS_TO_1970, DAY_MS = 25_569, 86_400_000

_FORMATS = {
    Kind.DATE: "yyyy\\-mm\\-dd",
    Kind.TIME: "hh:mm:ss",
    Kind.TIMESTAMP: "yyyy\\-mm\\-dd\\ hh:mm:ss",
}
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC, Kind.DOUBLE)
_NOT_XML = r"[\x00-\x08\x0b-\x1f\x{FFFE}\x{FFFF}]|_x[0-9A-Fa-f]{4}_"
_NOT_XML_HERE = re.compile("[\x01-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_MOST_SCALE = 15  # digits after the point that a format shows


def style_of(of: Type) -> str:
    """The format of a column's numbers; "" is Excel's own."""
    if of.kind is Kind.DECIMAL and of.scale and of.scale <= _MOST_SCALE:
        return f"0.{'0' * of.scale}"
    return _FORMATS.get(of.kind, "")


def cells(table: pa.Table, schema: Schema, styles: Sequence[str], inexact: str) -> pa.RecordBatch:
    """The cells as XML, but for the number of their row: what is before it is known without a row.

    NULL where the value is, which needs no cell. Raises RowRefused for a value that no cell holds.
    """
    columns = []
    for at, column in enumerate(schema):
        style = style_of(column.type)
        number = styles.index(style) + 1 if style in styles else 0
        columns.append(_cells(table.column(at), column, number, inexact))
    return pa.record_batch(columns, [str(at) for at in range(len(columns))])


def row_lines(cells: pa.RecordBatch, first: int) -> bytes:
    """The rows as XML; `first` is the number of the first one."""
    if not len(cells):
        return b""
    numbers = pc.cast(pa.arange(first, first + len(cells)), pa.string())
    parts: list[pa.Array | pa.Scalar] = [constant('<row r="'), numbers, constant('">')]
    for at, column in enumerate(cells.columns):
        name = constant(f'<c r="{letters_of(at + 1)}')
        parts.append(pc.binary_join_element_wise(name, numbers, column, constant("")))
    parts += [constant("</row>"), constant("")]
    rows = pc.binary_join_element_wise(*parts, null_handling="replace", null_replacement="")
    return bytes(joined(rows))


def _cells(values: pa.ChunkedArray, column: Column, style: int, inexact: str) -> pa.Array:
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    kind = column.type.kind
    if kind is Kind.BOOLEAN:
        return _joined('" t="b"><v>', pc.if_else(values, "1", "0"), "</v></c>")
    texts = column_texts(values, column.type, column.name)
    if kind not in _NUMBERS and kind not in _FORMATS:
        return _texts(texts, column.name)
    numbers, is_exact = _numbers(values, texts, kind)
    styled = f'" s="{style}"><v>' if style else '"><v>'
    exact = _joined(styled, numbers, "</v></c>")
    is_inexact = pc.invert(pc.fill_null(is_exact, True))
    if not pc.any(is_inexact, min_count=0).as_py():
        return exact
    if inexact == REFUSE:
        index = pc.index(is_inexact, True).as_py()
        raise RowRefused(index, _why(texts[index].as_py(), kind), column.name)
    others = pc.if_else(is_inexact, texts, None)
    return pc.if_else(is_inexact, _texts(others, column.name), exact)


def _joined(before: str, values: pa.Array, after: str) -> pa.Array:
    return pc.binary_join_element_wise(constant(before), values, constant(after), constant(""))


def _numbers(values: pa.Array, texts: pa.Array, kind: Kind) -> tuple[pa.Array, pa.Array]:
    """What stands in a cell, and whether it is the very value."""
    if kind is Kind.DATE:
        days = pc.cast(values, pa.int32())
        return pc.cast(pc.add(days, DAYS_TO_1970), pa.string()), pc.greater_equal(days, FIRST_DAY)
    if kind in (Kind.TIME, Kind.TIMESTAMP):
        return _moments(pc.cast(values, pa.int64()), kind)
    if kind is Kind.DOUBLE:
        return texts, pc.is_finite(values)
    digits = pc.replace_substring_regex(texts, r"[-.]", "")
    digits = pc.replace_substring_regex(digits, "^0+", "")
    if kind is not Kind.INTEGER:
        has_point = pc.match_substring(texts, ".")
        digits = pc.if_else(has_point, pc.replace_substring_regex(digits, "0+$", ""), digits)
    is_short = pc.less_equal(pc.utf8_length(digits), EXACT_DIGITS)
    return texts, pc.and_(is_short, pc.match_substring_regex(texts, r"^-?[0-9.]+$"))


def _moments(microseconds: pa.Array, kind: Kind) -> tuple[pa.Array, pa.Array]:
    """Excel keeps milliseconds of days from 1900 on."""
    milliseconds = pc.divide(microseconds, 1000)
    is_exact = pc.equal(pc.multiply(milliseconds, 1000), microseconds)
    if kind is Kind.TIMESTAMP:
        is_exact = pc.and_(is_exact, pc.greater_equal(milliseconds, FIRST_DAY * DAY_MS))
        milliseconds = pc.add(milliseconds, DAYS_TO_1970 * DAY_MS)
    days = pc.divide(pc.cast(milliseconds, pa.float64()), constant(float(DAY_MS)))
    return pc.cast(days, pa.string()), is_exact


def _why(text: str, kind: Kind) -> str:
    if kind in _FORMATS:
        return f"{shown(text)} is no moment that Excel has: it keeps milliseconds, from 1 March 1900 on"
    if kind is Kind.DOUBLE or not text[-1].isdigit():
        return f"{text} is no number that Excel has"
    return f"{shown(text)} has more than {EXACT_DIGITS} digits, which Excel would change: let such values be text"


def _texts(texts: pa.Array, name: str) -> pa.Array:
    """Texts stand in their cells, so that none is taken for a formula or a number."""
    _check_lengths(texts, name)
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        texts = pc.replace_substring(texts, sign, escaped)
    is_odd = pc.fill_null(pc.match_substring_regex(texts, _NOT_XML), False)
    if pc.any(is_odd, min_count=0).as_py():
        texts = _escaped(texts, is_odd, name)
    return _joined('" t="inlineStr"><is><t xml:space="preserve">', texts, "</t></is></c>")


def _escaped(texts: pa.Array, is_odd: pa.Array, name: str) -> pa.Array:
    index = pc.index(pc.fill_null(pc.match_substring(texts, "\0"), False), True).as_py()
    if index >= 0:
        raise RowRefused(
            index, f"{shown(texts[index].as_py())} holds a NUL, which no cell has", name
        )
    odd = [
        _NOT_XML_HERE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
        for text in texts.filter(is_odd).to_pylist()
    ]
    return pc.replace_with_mask(texts, is_odd, pa.array(odd, pa.string()))


def _check_lengths(texts: pa.Array, name: str) -> None:
    """A character beyond U+FFFF counts twice, and takes four bytes."""
    is_long = pc.fill_null(pc.greater(pc.binary_length(texts), LONGEST_TEXT), False)
    if not pc.any(is_long, min_count=0).as_py():
        return
    for index, text in enumerate(texts.to_pylist()):
        if text is not None and (units := len(text.encode("utf-16-le")) // 2) > LONGEST_TEXT:
            twice = "" if units == len(text) else ", of which Excel counts some twice,"
            raise RowRefused(
                index,
                f"a text of {len(text):,} characters{twice} is longer than the {LONGEST_TEXT:,} that a cell has",
                name,
            )
