"""What the work at hand is about: its request, tenant, job and run. Each thread, and each greenlet, has its own."""

from collections.abc import Mapping
from contextvars import ContextVar

NOTHING: Mapping[str, str] = {}

_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about", default=NOTHING)


def about() -> Mapping[str, str]:
    """What this thread's work is about, by name."""
    return _ABOUT.get()


def note(**fields: object) -> None:
    """From now on this thread's work is about that, too. What is None is not noted."""
    _ABOUT.set({**_ABOUT.get(), **_texts(fields)})


def begin(**fields: object) -> None:
    """This thread's work begins, and is about that alone."""
    _ABOUT.set(_texts(fields))


def _texts(fields: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value is not None}
