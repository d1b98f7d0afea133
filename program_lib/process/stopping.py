"""A signal that ends the program, which no library may lose.

DuckDB lets Python's handlers in while it works on the main thread, and forgets the exception that one of them raises;
so does Arrow while it looks for pandas. The handler has run then, and the program would go on to its end.
"""

from __future__ import annotations

import sys
from typing import NoReturn

_came: list[int] = []  # the number of the signal


def stop(number: int) -> NoReturn:
    """Leaves through all the `with` blocks, which roll back what is open. In a handler of the signal."""
    _came.append(number)
    sys.exit(128 + number)


def check() -> None:
    """Leaves where a signal has come: to be called where its exception may have been lost."""
    if _came:
        sys.exit(128 + _came[0])
