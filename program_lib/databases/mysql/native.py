"""The types of MariaDB and MySQL, and ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
from pymysql.constants import FIELD_TYPE, FLAG
from pymysql.protocol import FieldDescriptorPacket

from program_lib.databases.fitting import Target
from program_lib.databases.mysql.catalog import Declared
from program_lib.texts import column_texts
from program_lib.types import (
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    JSON,
    MAX_DIGITS,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Kind,
    Type,
    decimal,
)

OURS = "mysql:"  # before the spelling of a type in Type.native
BINARY = 63  # the number of the character set of what is no text
MAX_BYTES_OF_CHARACTER = 4  # in utf8mb4
UNSIGNED_BIGINT = decimal(20, 0)
MOST_DIGITS, MOST_SCALE = 65, 30  # of a decimal
MAX_VARCHAR = 1_000  # characters; longer ones are longtext, since a row may have 65,535 bytes
MAX_ROW_OF_VARCHARS = 48_000  # bytes

_TEXT_BYTES = {"tinytext": 2**8 - 1, "text": 2**16 - 1, "mediumtext": 2**24 - 1}
_WIDER = {"tinytext": "text", "text": "mediumtext", "mediumtext": "longtext"}
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}


def _integer(bits: int, is_unsigned: bool) -> Type:
    """The narrowest of 16, 32 and 64 bits with sign that holds all values."""
    needed = bits + is_unsigned
    if needed > 64:
        return UNSIGNED_BIGINT
    return replace(INTEGER, bits=next(wide for wide in (16, 32, 64) if needed <= wide))


def _decimal(precision: int, scale: int) -> Type:
    return decimal(precision, scale) if precision <= MAX_DIGITS else NUMERIC


# --- columns of a query ------------------------------------------------------------------------------

_FIELDS: dict[int, Type] = {
    FIELD_TYPE.DOUBLE: DOUBLE,
    FIELD_TYPE.FLOAT: replace(DOUBLE, bits=32),
    FIELD_TYPE.DATE: DATE,
    FIELD_TYPE.NEWDATE: DATE,
    FIELD_TYPE.TIME: TIME,
    FIELD_TYPE.DATETIME: TIMESTAMP,
    FIELD_TYPE.TIMESTAMP: TIMESTAMPTZ,
    FIELD_TYPE.YEAR: replace(INTEGER, bits=16),
    FIELD_TYPE.JSON: JSON,
    FIELD_TYPE.NULL: TEXT,
    FIELD_TYPE.GEOMETRY: BYTES,
}
_WHOLE = {
    FIELD_TYPE.TINY: 8,
    FIELD_TYPE.SHORT: 16,
    FIELD_TYPE.INT24: 24,
    FIELD_TYPE.LONG: 32,
    FIELD_TYPE.LONGLONG: 64,
}


def type_of_field(field: FieldDescriptorPacket) -> Type:
    """What the server says of a column of a result."""
    code, is_unsigned = field.type_code, bool(field.flags & FLAG.UNSIGNED)
    if code in _WHOLE:
        return _integer(_WHOLE[code], is_unsigned)
    if code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        return _decimal(field.length - (not is_unsigned) - (field.scale > 0), field.scale)
    if code == FIELD_TYPE.BIT:
        return _integer(field.length, is_unsigned=True)
    if code in _FIELDS:
        return _FIELDS[code]
    if field.charsetnr == BINARY:
        return BYTES
    return _text_of_field(field)


def _text_of_field(field: FieldDescriptorPacket) -> Type:
    length = field.length // MAX_BYTES_OF_CHARACTER
    if field.type_code == FIELD_TYPE.BLOB or field.flags & (FLAG.ENUM | FLAG.SET) or length < 1:
        return TEXT
    return replace(TEXT, length=length)


# --- columns of a table -------------------------------------------------------------------------------

_BASES: dict[str, Type] = {
    "double": DOUBLE,
    "float": replace(DOUBLE, bits=32),
    "date": DATE,
    "time": TIME,
    "datetime": TIMESTAMP,
    "timestamp": TIMESTAMPTZ,
    "year": replace(INTEGER, bits=16),
    "json": JSON,
    "uuid": UUID,
    "enum": TEXT,
    "set": TEXT,
    "inet4": Type(Kind.OTHER),
    "inet6": Type(Kind.OTHER),
    **dict.fromkeys(("tinytext", "text", "mediumtext", "longtext"), TEXT),
}


def type_of_declared(column: Declared) -> Type:
    """The type of a column of a table; what is not known here is bytes."""
    return replace(_of_declared(column), native=OURS + _spelt_anew(column))


def _spelt_anew(column: Declared) -> str:
    """As a new table declares it, which is in utf8mb4: an é of latin1 has two bytes there."""
    if column.is_json:
        return "json"
    if _is_in_utf8(column):
        return column.spelt
    return _WIDER.get(column.base, column.spelt)


def _of_declared(column: Declared) -> Type:
    if column.is_json:
        return JSON
    if column.base in _BITS:
        return _integer(_BITS[column.base], column.is_unsigned)
    if column.base == "bit":
        return _integer(column.precision or 1, is_unsigned=True)
    if column.base == "decimal":
        return _decimal(column.precision or 10, column.scale or 0)
    if column.base in ("char", "varchar"):
        return replace(TEXT, length=column.length or None, is_padded=column.base == "char")
    return _BASES.get(column.base, BYTES)


def target(column: Declared) -> Target:
    """What a column takes."""
    type_, spelt = type_of_declared(column), column.spelt
    if type_.kind is Kind.NUMERIC:
        type_ = replace(type_, precision=column.precision, scale=column.scale)
    made = Target(column.name, type_, spelt, has_nan=False, is_nullable=column.is_nullable)
    if type_.kind in (Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return replace(made, second_digits=column.second_digits or 0)
    if column.base in _BITS:
        bits, least = _BITS[column.base], 0
        if not column.is_unsigned:
            bits, least = bits - 1, -(2 ** (bits - 1))
        return replace(made, least=least, most=2**bits - 1)
    if column.base == "bit":
        return replace(made, least=0, most=2 ** (column.precision or 1) - 1)
    if column.base in _TEXT_BYTES and _is_in_utf8(column):
        # the server cuts spaces at the end, and says of a letter that is cut in two that its bytes are wrong
        return replace(made, length_in_bytes=_TEXT_BYTES[column.base])
    return replace(made, is_changed=_changes(column))


def _is_in_utf8(column: Declared) -> bool:
    return (column.character_set or "utf8").startswith("utf8")


def _changes(column: Declared) -> Callable[[pa.Array], pa.Array] | None:
    """Which values this column would take as others, without an error."""
    if column.base == "year":  # 70 would become 1970
        return lambda values: pc.invert(
            pc.or_(pc.equal(values, 0), pc.and_(pc.greater(values, 1900), pc.less(values, 2156)))
        )
    if column.base in (
        "enum",
        "set",
    ):  # '1' would become the first of them, 'SAD' would become 'sad'
        members = members_of(column.spelt)
        if column.base == "enum":
            known = pa.array(members, pa.string())
            return lambda values: pc.invert(pc.is_in(values, known))
        return lambda values: _is_other_set(values, members)
    if column.base == "binary":  # shorter ones would get zeros at their end
        return lambda values: pc.less(pc.binary_length(values), column.length or 0)
    if column.base in _TEXT_BYTES:  # of which the server cuts spaces at the end, and nothing else
        return lambda values: _loses_spaces(values, _TEXT_BYTES[column.base])
    if column.base in ("double", "float") and column.scale is not None:
        return lambda values: _has_more_digits(values, type_of_declared(column), column.scale or 0)
    return None


_ESCAPED = {"''": "'", "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\0": "\0"}


def members_of(spelt: str) -> list[str]:
    r"""The texts of enum('a','it''s','C:\\')."""
    return [
        re.sub(r"''|\\[\\nr0]", lambda found: _ESCAPED[found[0]], text)
        for text in re.findall(r"'((?:[^']|'')*)'", spelt)
    ]


def _is_other_set(values: pa.Array, members: list[str]) -> pa.Array:
    """Whether a value names what the set has not, or not in the order of the set, which the server would restore."""
    places = {member: place for place, member in enumerate(members)}

    def is_other(text: str) -> bool:
        named = [places.get(member, -1) for member in text.split(",")]
        return named[0] < 0 or named != sorted(set(named))

    return pa.array([bool(text) and is_other(text) for text in values.to_pylist()], pa.bool_())


def _loses_spaces(values: pa.Array, most: int) -> pa.Array:
    return pc.and_(pc.ends_with(values, " "), pc.greater(pc.binary_length(values), most))


def _has_more_digits(values: pa.Array, type_: Type, scale: int) -> pa.Array:
    """Whether a value has more digits after the point than a column shows: of a float 0.1 has one, whatever its bits are."""
    after = pc.replace_substring_regex(column_texts(values, type_), r"^[^.]*\.?", "")
    return pc.greater(pc.utf8_length(after), scale)


# --- columns of a new table ----------------------------------------------------------------------------


def declared(types: Sequence[Type], is_mariadb: bool) -> list[str]:
    """How a new table declares these types."""
    spelt, room = [], MAX_ROW_OF_VARCHARS
    for type_ in types:
        text = _declared(type_, is_mariadb)
        if text.startswith(("char(", "varchar(")):
            room -= (type_.length or 36) * MAX_BYTES_OF_CHARACTER
            if room < 0:
                text = "longtext"
        spelt.append(text)
    return spelt


def _declared(type_: Type, is_mariadb: bool) -> str:
    native = type_.native or ""
    if native.startswith(OURS):
        return native.removeprefix(OURS)
    if type_.kind is Kind.JSON:  # MySQL's own JSON makes doubles of long numbers
        return "json" if is_mariadb else "longtext"
    return _DECLARED[type_.kind](type_)


def _text(type_: Type) -> str:
    if type_.length is None or not 1 <= type_.length <= MAX_VARCHAR:
        return "longtext"
    is_char = type_.is_padded and type_.length <= 255
    return f"{'char' if is_char else 'varchar'}({type_.length})"


def _exact(type_: Type) -> str:
    scale = type_.scale or 0
    return f"decimal({type_.precision},{scale})" if scale <= MOST_SCALE else _WIDEST


_WIDEST = f"decimal({MOST_DIGITS},{MOST_SCALE})"
_DECLARED: dict[Kind, Callable[[Type], str]] = {
    Kind.BOOLEAN: lambda type_: "boolean",
    Kind.INTEGER: lambda type_: {16: "smallint", 32: "int"}.get(type_.bits, "bigint"),
    Kind.DECIMAL: _exact,
    Kind.DOUBLE: lambda type_: "float" if type_.bits == 32 else "double",
    Kind.TEXT: _text,
    Kind.BYTES: lambda type_: "longblob",
    Kind.DATE: lambda type_: "date",
    Kind.TIME: lambda type_: "time(6)",
    Kind.TIMESTAMP: lambda type_: "datetime(6)",
    Kind.TIMESTAMPTZ: lambda type_: "timestamp(6)",
    Kind.NUMERIC: lambda type_: _WIDEST,
    Kind.INTERVAL: lambda type_: "longtext",
    Kind.UUID: lambda type_: "char(36)",
    Kind.OTHER: lambda type_: "longtext",
}
