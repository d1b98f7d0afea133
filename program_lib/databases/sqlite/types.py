"""What a column of SQLite is declared as, and which type its values have. docs/types.md shows it as a table.

SQLite stores what it is given, whatever is declared; only its affinities change values on the way in. So a
declared type is taken at its word here, and each value is checked against it.
"""

from __future__ import annotations

import re

from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
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

EXACT_DIGITS = 15  # decimal digits that a REAL gives back as they were, whatever they are
WHOLE_DIGITS = 18  # of whole numbers: all of these fit in SQLite's INTEGER

_DECLARED = re.compile(r"\s*([^()]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*(.*?))?\s*", re.S)

_NAMES = {
    **dict.fromkeys(
        ("INT", "INTEGER", "TINYINT", "SMALLINT", "MEDIUMINT", "BIGINT", "INT2", "INT4", "INT8"),
        INTEGER,
    ),
    "UNSIGNED BIG INT": INTEGER,
    **dict.fromkeys(("REAL", "DOUBLE", "DOUBLE PRECISION", "FLOAT", "FLOAT4", "FLOAT8"), DOUBLE),
    **dict.fromkeys(("BOOLEAN", "BOOL"), BOOLEAN),
    "DATE": DATE,
    "TIME": TIME,
    "TIME WITHOUT TIME ZONE": TIME,
    **dict.fromkeys(("DATETIME", "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"), TIMESTAMP),
    **dict.fromkeys(("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "DATETIMETZ"), TIMESTAMPTZ),
    **dict.fromkeys(("UUID", "GUID", "UNIQUEIDENTIFIER"), UUID),
    **dict.fromkeys(("JSON", "JSONB", "JSON_TEXT"), JSON),
    **dict.fromkeys(("INTERVAL", "DURATION_TEXT"), INTERVAL),
    **dict.fromkeys(("NUMERIC_TEXT", "NUM"), NUMERIC),  # NUM: what SQLite calls CAST(… AS NUMERIC)
}
_DECIMALS = frozenset({"DECIMAL", "NUMERIC", "DEC", "NUMBER", "DECIMAL_TEXT"})
_TEXTS = frozenset(
    {
        *("TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "CLOB", "CHAR", "CHARACTER", "NCHAR"),
        *("VARCHAR", "VARCHAR2", "NVARCHAR", "NVARCHAR2", "CHARACTER VARYING"),
        *("VARYING CHARACTER", "NATIVE CHARACTER", "NATIONAL CHARACTER VARYING"),
    }
)
_BYTES = frozenset(
    {"BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "BYTEA", "IMAGE"}
)


def type_of(declared: str) -> Type | None:
    """The type of a column's values; None where nothing is declared, or nothing that is known here."""
    found = _DECLARED.fullmatch(declared.upper())
    if found is None:
        return None
    name = " ".join(f"{found[1]} {found[4] or ''}".split())
    first, second = (None if digits is None else int(digits) for digits in found.group(2, 3))
    if name in _DECIMALS:
        return _decimal(first, second)
    if name in _TEXTS:
        return Type(Kind.TEXT, length=first)
    if name in _BYTES:
        return BYTES
    return _NAMES.get(name.removesuffix(" UNSIGNED"))


def _decimal(precision: int | None, scale: int | None) -> Type:
    """More digits than can be computed with are carried as they are."""
    if precision is None or not (scale or 0) <= precision <= MAX_DIGITS or precision == 0:
        return NUMERIC
    return decimal(precision, scale or 0)


def declared_for(of: Type) -> str:
    """What a new table declares for a column, so that `type_of` gives back this kind, and each value is exact."""
    match of.kind:
        case Kind.DECIMAL:
            name = "DECIMAL" if fits_a_number(of) else "DECIMAL_TEXT"
            return f"{name}({of.precision},{of.scale})"
        case Kind.TEXT if of.length is not None:
            return f"{'CHAR' if of.is_padded else 'VARCHAR'}({of.length})"
    return _NEW[of.kind]


def fits_a_number(of: Type) -> bool:
    """Whether every value of a decimal(p,s) comes back from SQLite's INTEGER and REAL as it was."""
    assert of.precision is not None
    return of.precision <= (EXACT_DIGITS if of.scale else WHOLE_DIGITS)


_NEW = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "INTEGER",
    Kind.NUMERIC: "NUMERIC",
    Kind.DOUBLE: "DOUBLE",
    Kind.TEXT: "TEXT",
    Kind.BYTES: "BLOB",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "DATETIME",
    Kind.TIMESTAMPTZ: "TIMESTAMPTZ",
    Kind.INTERVAL: "DURATION_TEXT",  # INTERVAL would be of affinity INTEGER: "INT" is in it
    Kind.UUID: "UUID",
    Kind.JSON: "JSON_TEXT",  # JSON would be of affinity NUMERIC: 1.0 would become 1
    Kind.OTHER: "TEXT",
}


def affinity(declared: str) -> str:
    """What SQLite does to a value before it stores it, by the rules of its datatype3.html."""
    name = declared.upper()
    if "INT" in name:
        return "INTEGER"
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not name.strip() or "BLOB" in name:
        return "BLOB"
    if any(part in name for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def type_by_classes(classes: frozenset[str]) -> Type | None:
    """The type of a column that has no declared one, by typeof() of all its values; None where they are mixed."""
    found = classes - {"null"}
    if not found or found == {"text"}:
        return TEXT
    if found == {"blob"}:
        return BYTES
    if found == {"integer"}:
        return INTEGER
    return DOUBLE if found <= {"integer", "real"} else None
