"""The time in SQL: by PostgreSQL's clock, which is one for all machines, and for a SQLite file by this machine's."""

import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles


class Now(sa.ColumnElement[float]):
    """Unix seconds when the statement began. Machines whose clocks differ agree on it."""

    inherit_cache = True
    type = sa.Double()


@compiles(Now)
def _by_this_machine(_now: Now, compiler: Any, **options: Any) -> str:
    told = sa.bindparam("now", callable_=lambda: time.time(), type_=sa.Double, unique=True)
    return str(compiler.process(told, **options))


@compiles(Now, "postgresql")
def _by_the_database(_now: Now, _compiler: Any, **_options: Any) -> str:
    return "CAST(extract(epoch FROM statement_timestamp()) AS DOUBLE PRECISION)"


NOW = Now()


def now_of(connection: Connection) -> float:
    """Unix seconds by that clock."""
    return float(connection.execute(sa.select(NOW)).scalar_one())
