"""What a text must lose before it stands in a log: tokens, and what would begin a line or move a terminal's cursor."""

import re

HIDDEN = "(hidden)"
_TOKENS = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"  # a JWT, wherever it stands
    r"|(?<=token=)[^&\s\"'<>]+"
    r"|(?<=[Bb]earer[ .])[A-Za-z0-9._~+/=-]{8,}"
)


def redact(text: str) -> str:
    """The text without what could be a token."""
    return _TOKENS.sub(HIDDEN, text)


def escaped(text: str) -> str:
    """The text with escapes for what cannot be printed: line ends, and what moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )
