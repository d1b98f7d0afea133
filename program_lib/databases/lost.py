"""A transaction that is gone, and one of which nobody knows whether it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from program_lib.errors import ProgramError

T = TypeVar("T")

ASK_SECONDS = 30.0  # in which a database that was lost at the end is asked what became of the rows
ASK_PAUSE = 0.2


class TransactionLost(OSError):
    """The database has ended the connection or the transaction: no row is at fault, and no other row may follow."""


class EndUnknown(ProgramError):
    """The connection was lost while the database worked on the end of the transaction."""

    def __init__(self, said: str) -> None:
        super().__init__(
            f"{said}; the connection was lost before the answer to COMMIT came, so it is not known whether these rows"
            " are written: look before you run it again"
        )


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
