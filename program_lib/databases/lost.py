"""A transaction that is gone, or may be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

ASK_SECONDS = 30.0  # in which a database that was lost at the end is asked what became of the rows
ASK_PAUSE = 0.2


class TransactionLost(OSError):
    """The database has ended the connection or the transaction: no row is at fault, and no other row may follow."""


class ConnectionLost(TransactionLost):
    """The connection is gone, to us or of a proxy to its server: what became of the last statement is not known."""


def asked_again(ask: Callable[[], T | None], *errors: type[Exception]) -> T | None:
    """What a new connection tells, as soon as there is one; None where the database does not answer or know."""
    until = time.monotonic() + ASK_SECONDS
    while True:
        try:
            if (answer := ask()) is not None:
                return answer
        except errors:
            pass
        if time.monotonic() > until:
            return None
        time.sleep(ASK_PAUSE)
