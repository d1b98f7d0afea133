"""What the types of SQLAlchemy hold, and how a new table declares ours."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID as PythonUuid

import sqlalchemy
from sqlalchemy.dialects import mssql, mysql, oracle
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

from program_lib.databases.fitting import SECOND_DIGITS
from program_lib.errors import ProgramError
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
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

_BY_CLASS: list[tuple[type[TypeEngine[Any]], Type]] = [
    (sqlalchemy.Boolean, BOOLEAN),
    (sqlalchemy.SmallInteger, replace(INTEGER, bits=16)),
    (sqlalchemy.BigInteger, INTEGER),
    (sqlalchemy.Integer, replace(INTEGER, bits=32)),
    (sqlalchemy.Float, DOUBLE),
    (sqlalchemy.Uuid, UUID),
    (sqlalchemy.LargeBinary, BYTES),
    (sqlalchemy.types._Binary, BYTES),
    (sqlalchemy.Date, DATE),
    (sqlalchemy.Time, TIME),
]


def type_of(type_: TypeEngine[Any]) -> Type | None:
    """What a reflected type holds; None where that is not known here."""
    if isinstance(type_, sqlalchemy.Numeric) and not isinstance(type_, sqlalchemy.Float):
        return _number(type_.precision, type_.scale)
    if isinstance(type_, sqlalchemy.String):
        return replace(TEXT, length=type_.length, is_padded=isinstance(type_, sqlalchemy.CHAR))
    if isinstance(type_, sqlalchemy.DateTime):
        return TIMESTAMPTZ if type_.timezone else TIMESTAMP
    return next((ours for theirs, ours in _BY_CLASS if isinstance(type_, theirs)), None)


def _number(precision: int | None, scale: int | None) -> Type:
    if precision is None or scale is None or not 0 <= scale <= precision <= MAX_DIGITS:
        return NUMERIC
    return decimal(precision, scale)


def type_of_code(connection: Connection, column: Sequence[Any]) -> Type | None:
    """What a driver says of a column of a result (PEP 249); None where it does not tell."""
    code, precision, scale = column[1], column[4], column[5]
    if isinstance(code, type):
        return _number(precision, scale) if code is Decimal else _BY_PYTHON.get(code)
    dbapi = connection.dialect.dbapi
    kinds = {"STRING": TEXT, "BINARY": BYTES, "NUMBER": _number(precision, scale)}
    return next(
        (type_ for name, type_ in kinds.items() if code == getattr(dbapi, name, None)), None
    )


_BY_PYTHON: dict[type, Type] = {
    bool: BOOLEAN,
    int: INTEGER,
    float: DOUBLE,
    str: TEXT,
    bytes: BYTES,
    bytearray: BYTES,
    datetime.date: DATE,
    datetime.time: TIME,
    datetime.datetime: TIMESTAMP,
    PythonUuid: UUID,
}

# what Time() and DateTime() alone become there has no fraction of a second, or a rounded one
_TIME = sqlalchemy.Time().with_variant(mysql.TIME(fsp=SECOND_DIGITS), "mysql", "mariadb")
_TIMESTAMP = (
    sqlalchemy.DateTime()
    .with_variant(mysql.DATETIME(fsp=SECOND_DIGITS), "mysql", "mariadb")
    .with_variant(mssql.DATETIME2(SECOND_DIGITS), "mssql")  # type: ignore[no-untyped-call]
    .with_variant(oracle.TIMESTAMP(), "oracle")
)

_DECLARED: dict[Kind, Callable[[Type], TypeEngine[Any]]] = {
    Kind.BOOLEAN: lambda type_: sqlalchemy.Boolean(),
    Kind.INTEGER: lambda type_: {16: sqlalchemy.SmallInteger(), 32: sqlalchemy.Integer()}.get(
        type_.bits, sqlalchemy.BigInteger()
    ),
    Kind.DECIMAL: lambda type_: sqlalchemy.Numeric(type_.precision, type_.scale),
    Kind.DOUBLE: lambda type_: sqlalchemy.Double(),
    Kind.BYTES: lambda type_: sqlalchemy.LargeBinary(),
    Kind.DATE: lambda type_: sqlalchemy.Date(),
    Kind.TIME: lambda type_: _TIME,
    Kind.TIMESTAMP: lambda type_: _TIMESTAMP,
    Kind.TIMESTAMPTZ: lambda type_: sqlalchemy.DateTime(timezone=True),
    Kind.TEXT: lambda type_: sqlalchemy.String(type_.length) if type_.length else sqlalchemy.Text(),
}


def declared(type_: Type) -> TypeEngine[Any]:
    """How a new table declares a type; numbers without a scale, and what is known to one database alone, are texts."""
    make = _DECLARED.get(type_.kind)
    return make(type_) if make else sqlalchemy.Text()


def known(name: str, type_: Type | None, theirs: object) -> Type:
    if type_ is None:
        raise _unknown(name, theirs)
    return type_


def _unknown(name: str, spelt_type: object) -> ProgramError:
    return ProgramError(
        f"the column {name} is {spelt_type}, which is not carried from or into this kind of database:"
        " make it a text or a number, in SQL by CAST"
    )
