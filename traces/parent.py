"""The traceparent of W3C Trace Context: "00-<trace id>-<span id>-<flags>", by which work of several processes is one trace. Pure."""

import re

LENGTH = 55  # characters of the version that we write
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def checked_parent(text: str | None) -> str | None:
    """The traceparent that a caller sends, as version 00; None for what is none, since a broken header must not fail a request."""
    known = (text or "").strip()
    if not _FORM.match(known):
        return None
    is_later = known[:2] != "00"  # such a version may have more behind a dash
    if len(known) > LENGTH and not (is_later and known[LENGTH] == "-"):
        return None
    return f"00{known[2:LENGTH]}"


def trace_id_of(parent: str | None) -> str | None:
    """The id of the trace, 32 hexadecimal digits."""
    return None if parent is None else parent.split("-")[1]
