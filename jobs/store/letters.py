"""How a search compares texts."""

import unicodedata

_FIRST_MARK, _LAST_MARK = "\u0300", "\u036f"  # accents of Latin, Greek and Cyrillic letters


def folded(text: str) -> str:
    """The text without case and accents: who looks for "osterreich" finds "Österreich", however that is encoded."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(sign for sign in apart if not _FIRST_MARK <= sign <= _LAST_MARK)
