"""PostgreSQL's types and ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from program_lib.databases.fitting import Target, second_digits
from program_lib.databases.postgresql.changing import changes, takes_only_its_own
from program_lib.databases.postgresql.session import Session
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

OURS = "postgresql:"  # before the spelling of a type in Type.native
MAX_LENGTH = 10_485_760  # characters of a varchar(n)

_HEADER = 4  # bytes that a typmod counts beside the length or the digits
NUMERIC_OID, BPCHAR_OID, VARCHAR_OID, NAME_OID, OID_OID = 1700, 1042, 1043, 19, 26

_BY_OID: dict[int, Type] = {
    16: BOOLEAN,
    17: BYTES,
    20: INTEGER,
    21: replace(INTEGER, bits=16),
    23: replace(INTEGER, bits=32),
    25: TEXT,
    OID_OID: INTEGER,
    700: replace(DOUBLE, bits=32),
    701: DOUBLE,
    1082: DATE,
    1083: TIME,
    1114: TIMESTAMP,
    1184: TIMESTAMPTZ,
    1186: INTERVAL,
    2950: UUID,
    114: JSON,
    3802: JSON,
    NAME_OID: TEXT,
    BPCHAR_OID: replace(TEXT, is_padded=True),
    VARCHAR_OID: TEXT,
    NUMERIC_OID: NUMERIC,
}


def types_of(session: Session, described: list[tuple[int, int]]) -> list[Type]:
    """The types of columns from the pairs (oid, typmod) that describe them."""
    oids, mods = [oid for oid, _ in described], [mod for _, mod in described]
    rows = session.rows(
        "SELECT format_type(d.oid, d.mod), t.typtype, t.typname"
        " FROM unnest(%s::oid[], %s::int4[]) WITH ORDINALITY AS d(oid, mod, i)"
        " JOIN pg_catalog.pg_type t ON t.oid = d.oid ORDER BY d.i",
        [oids, mods],
    )
    return [_type_of(oid, mod, *row) for (oid, mod), row in zip(described, rows, strict=True)]


def _type_of(oid: int, mod: int, spelt: str, typtype: str, typname: str) -> Type:
    found = _BY_OID.get(oid)
    if found is None:
        # the values of an enum are texts, of which it allows some; so are those of citext
        is_text = typtype == "e" or typname == "citext"
        found = TEXT if is_text else Type(Kind.OTHER)
    elif oid == NUMERIC_OID and mod >= 0:
        found = _numeric(*numeric_digits(mod))
    elif oid in (BPCHAR_OID, VARCHAR_OID) and mod >= 0:
        found = replace(found, length=mod - _HEADER)
    return replace(found, native=OURS + spelt)


def numeric_digits(mod: int) -> tuple[int, int]:
    """The precision and the scale of a numeric; the scale may be negative, or exceed the precision."""
    digits = mod - _HEADER
    scale = digits & 0x7FF
    return digits >> 16 & 0xFFFF, scale - 0x800 if scale >= 0x400 else scale


def _numeric(precision: int, scale: int) -> Type:
    wide, after = max(precision, precision - scale, scale), max(scale, 0)
    return decimal(wide, after) if wide <= MAX_DIGITS else NUMERIC


# --- columns of a table that is there ---------------------------------------------------------------


def target(name: str, type_: Type, mod: int, is_numeric: bool, within: list[str]) -> Target:
    """What a column takes; `within`: the types that its own is made of."""
    spelt = (type_.native or "").removeprefix(OURS)
    if is_numeric and mod >= 0 and type_.kind is Kind.NUMERIC:
        precision, scale = numeric_digits(mod)
        type_ = replace(type_, precision=precision, scale=scale)
    if spelt == "oid":
        return Target(name, type_, spelt, least=0, most=2**32 - 1)
    return Target(
        name,
        type_,
        spelt,
        second_digits=second_digits(spelt) if type_.kind in _TIMES else 6,
        length_in_bytes=63 if spelt == "name" else None,
        needs_same=takes_only_its_own(spelt, within),
        is_changed=changes(spelt),
        loses="it keeps one of two members of one name" if spelt == "jsonb" else "",
    )


_TIMES = (Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ)

# --- columns of a new table -----------------------------------------------------------------------


def declared(session: Session, types: list[Type]) -> list[str]:
    """How a new table declares these types: as their source did, where this database has that type."""
    natives = [_own_spelling(type_) for type_ in types]
    known = {name for name in {*natives} - {None} if name and _is_known(session, name)}
    return [
        native if native in known and native is not None else _DECLARED[type_.kind](type_)
        for native, type_ in zip(natives, types, strict=True)
    ]


def _own_spelling(type_: Type) -> str | None:
    native = type_.native or ""
    return native.removeprefix(OURS) if native.startswith(OURS) else None


def _is_known(session: Session, spelt: str) -> bool:
    """Whether a column may have this type: it is there, and no pseudo-type such as record."""
    query = "SELECT count(*) FROM pg_catalog.pg_type WHERE oid = to_regtype(%s) AND typtype <> 'p'"
    return bool(session.value(query, [spelt]))


def _text(type_: Type) -> str:
    if type_.length is None or not 1 <= type_.length <= MAX_LENGTH:
        return "text"
    return f"{'char' if type_.is_padded else 'varchar'}({type_.length})"


_DECLARED: dict[Kind, Callable[[Type], str]] = {
    Kind.BOOLEAN: lambda type_: "boolean",
    Kind.INTEGER: lambda type_: {16: "smallint", 32: "integer"}.get(type_.bits, "bigint"),
    Kind.DECIMAL: lambda type_: f"numeric({type_.precision},{type_.scale})",
    Kind.DOUBLE: lambda type_: "real" if type_.bits == 32 else "double precision",
    Kind.TEXT: _text,
    Kind.BYTES: lambda type_: "bytea",
    Kind.DATE: lambda type_: "date",
    Kind.TIME: lambda type_: "time",
    Kind.TIMESTAMP: lambda type_: "timestamp",
    Kind.TIMESTAMPTZ: lambda type_: "timestamptz",
    Kind.NUMERIC: lambda type_: "numeric",
    Kind.INTERVAL: lambda type_: "interval",
    Kind.UUID: lambda type_: "uuid",
    Kind.JSON: lambda type_: "json",
    Kind.OTHER: lambda type_: "text",
}
