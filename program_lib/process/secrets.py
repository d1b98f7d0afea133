"""Passwords of connections, which no message and no log may show."""

from __future__ import annotations

SECRETS: set[str] = set()  # a connection adds its own before it is opened


def hidden(text: str) -> str:
    """The text without the passwords that are in it; whatever is told or logged goes through here."""
    for secret in tuple(SECRETS):  # a source that is asked early adds its own on another thread
        text = text.replace(secret, "…")
    return text
