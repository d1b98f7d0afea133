"""Values of parameters, as a program that was started with them has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from program_lib.parameters import Parameter
from program_lib.parameters.taken import set_taken

DECLARED = (
    Parameter("day", "date"),
    Parameter("n", "number"),
    Parameter("name", "text"),
    Parameter("country", "choice", choices=("DE", "FR")),
)


@contextmanager
def given(**texts: str | None) -> Iterator[None]:
    """Within, each of DECLARED has the value of this text; None where none is given."""
    set_taken({one.name: one.value(texts.get(one.name)) for one in DECLARED})
    try:
        yield
    finally:
        set_taken({})
