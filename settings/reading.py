"""How settings are declared and read. A setting is a field of a frozen group; its line has variable, default and bounds.

    body_bytes: int = number("MAX_BODY_BYTES", 1_048_576, 1_024, 1 << 30)

`number`, `limit`, `choice`, `switch`, `checked` and `found_by` make such fields; `group` makes a field that holds
another group. `read_group` reads a group, with the groups in it, from the environment.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

MAX_DIGITS = 10  # of a number
UNSET = "unset"  # README's word for a setting without a default

Group = TypeVar("Group")
Kept = TypeVar("Kept")


class SettingsError(Exception):
    """A setting that cannot work. The text is one line with its name, its value and what would work."""


class Reader:
    """Reads one variable at a time; an empty one counts as unset."""

    def __init__(self, environ: Mapping[str, str], *, reads_keys: bool = True) -> None:
        """`reads_keys` is False in processes that check no tokens: they do not read JWT_PUBLIC_KEY."""
        self._environ = environ
        self.reads_keys = reads_keys

    def text(self, name: str, default: str = "") -> str:
        return self._environ.get(name, "").strip() or default

    def number(self, name: str, default: int, least: int, most: int) -> int:
        found = self.text(name, str(default))
        is_number = found.isascii() and found.isdigit() and len(found) <= MAX_DIGITS
        if is_number and least <= int(found) <= most:
            return int(found)
        raise SettingsError(f"{name} is {found!r:.80}; it must be a number from {least} to {most}")

    def limit(self, name: str, default: int, least: int, most: int) -> int:
        """A number from `least` to `most`, or 0 for no limit."""
        if self.text(name, str(default)) == "0":
            return 0
        try:
            return self.number(name, default, least, most)
        except SettingsError as error:
            raise SettingsError(f"{error}, or 0 for no limit") from None

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        found = self.text(name, default)
        if found in allowed:
            return found
        raise SettingsError(f"{name} is {found!r:.80}; it must be {' or '.join(allowed)}")

    def checked(self, name: str, check: Callable[[str], Kept]) -> Kept | None:
        """The value that `check` returns for the text; None when the variable is unset."""
        found = self.text(name)
        if not found:
            return None
        try:
            return check(found)
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from None


@dataclass(frozen=True, slots=True)
class Variable:
    """How the field of a group is read. Kept in the field's metadata."""

    read: Callable[[Reader], object]
    name: str | None  # None: the field is not read from one variable of ours
    shown: str  # the default, as README's table shows it


def number(name: str, default: int, least: int, most: int) -> Any:
    """A whole number."""
    read = _read_of(Reader.number, name, default, least, most)
    return _field(Variable(read, name, f"`{default}`"), default)


def limit(name: str, default: int, least: int, most: int) -> Any:
    """A whole number, or 0 for no limit."""
    read = _read_of(Reader.limit, name, default, least, most)
    return _field(Variable(read, name, f"`{default}`"), default)


def choice(name: str, default: str, allowed: tuple[str, ...]) -> Any:
    """One of the `allowed` words."""
    read = _read_of(Reader.choice, name, default, allowed)
    return _field(Variable(read, name, f"`{default}`"), default)


def switch(name: str, default: str) -> Any:
    """True for on, False for off."""

    def read(reader: Reader) -> bool:
        return reader.choice(name, default, ("on", "off")) == "on"

    return _field(Variable(read, name, f"`{default}`"), default == "on")


def checked(
    name: str,
    check: Callable[[str], object],
    default: str = "",
    *,
    unset: object = None,
    shown: str = UNSET,
) -> Any:
    """The value that `check` returns for the text or for `default`; `unset` when both are empty.

    `check` raises ValueError; its text continues a sentence that begins with the variable's name. `shown`: what
    an unset variable means, in words.
    """
    value = check(default) if default else unset

    def read(reader: Reader) -> object:
        found = reader.checked(name, check)
        return value if found is None else found

    return _field(Variable(read, name, f"`{default}`" if default else shown), value)


def found_by(
    read: Callable[[Reader], object],
    name: str | None = None,
    shown: str = UNSET,
    default: Any = MISSING,
) -> Any:
    """The value that `read` returns, which may read several variables. `shown`: the default in words.

    Without `default`, whoever makes the group must pass this field. mypy does not check that; the call fails.
    """
    return _field(Variable(read, name, shown), default)


def group(kind: type[Group]) -> Any:
    """A group within a group."""
    return field(default_factory=kind, metadata={"group": kind})


def read_group(kind: type[Group], reader: Reader) -> Group:
    """A group, and the groups in it. Raises SettingsError for the first setting that cannot work."""
    found: dict[str, object] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        inner = each.metadata.get("group")
        found[each.name] = (
            read_group(inner, reader) if inner else each.metadata["variable"].read(reader)
        )
    return kind(**found)


def variables(kind: type) -> dict[str, str]:
    """Variable → default, as README's table shows it."""
    found: dict[str, str] = {}
    for each in fields(kind):
        if "group" in each.metadata:
            found |= variables(each.metadata["group"])
        elif (name := each.metadata["variable"].name) is not None:
            found[name] = each.metadata["variable"].shown
    return found


def _field(variable: Variable, default: object) -> Any:
    return field(default=default, metadata={"variable": variable})


def _read_of(method: Callable[..., object], *given: object) -> Callable[[Reader], object]:
    return lambda reader: method(reader, *given)
