"""Reads one variable of the environment at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path

from settings.addresses import Network, parse_proxies

MAX_DIGITS = 10  # of a number


class SettingsError(Exception):
    """A setting that cannot work; the text is one line that names it, the value and what fits."""


class Reader:
    """Reads one variable at a time; an empty one counts as unset."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name, "").strip() or default

    def words(self, name: str, separator: str | None = None) -> list[str]:
        parts = self.text(name, "").split(separator)
        return [part.strip() for part in parts if part.strip()]

    def file(self, name: str) -> Path | None:
        found = self.text(name, "")
        return Path(found).absolute() if found else None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        found = self.text(name, str(default))
        is_number = found.isascii() and found.isdigit() and len(found) <= MAX_DIGITS
        if is_number and least <= int(found) <= most:
            return int(found)
        raise SettingsError(f"{name} is {found!r:.80}; it must be a number from {least} to {most}")

    def limit(self, name: str, default: int, least: int, most: int) -> int:
        """A number, or 0 for no limit; between the two nothing could work."""
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

    def networks(self, name: str, default: str) -> tuple[Network, ...]:
        try:
            return parse_proxies(self.text(name, default))
        except ValueError as error:
            raise SettingsError(f"{name}: {error}; use 10.0.0.1, 10.0.0.0/8 or *") from None

    def checked(self, name: str, default: str | None, check: Callable[[str], str]) -> str | None:
        found = self.text(name, default or "")
        if not found:
            return None
        try:
            return check(found)
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from None
