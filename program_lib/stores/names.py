"""Paths of objects: s3://CONNECTION/path, where the connection says which bucket. Pure."""

from __future__ import annotations

import re

SCHEME = "s3://"
MOST_KEY = 900  # bytes; stores take 1,024, of which the connection's prefix needs some
FORM = "write s3://CONNECTION/path, with the name of a connection that the operator has set"
_CONNECTION = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)


def is_stored(path: str) -> bool:
    """Whether a path names an object of a store, and no file."""
    return path.startswith(SCHEME)


def parted(path: str) -> tuple[str, str]:
    """The connection and the path in its bucket. Raises ValueError, whose text continues a sentence about the path."""
    name, _, key = path.removeprefix(SCHEME).partition("/")
    if not _CONNECTION.fullmatch(name) or not key:
        raise ValueError(f"names no object: {FORM}")
    parts = key.split("/")
    if "" in parts or "." in parts or ".." in parts:
        raise ValueError("holds an empty part, '.' or '..': write where the object is")
    if any(part.startswith(".") for part in parts):
        raise ValueError("leads to a hidden object, which is never data")
    if len(key.encode("utf-8", "surrogatepass")) > MOST_KEY:
        raise ValueError(f"is longer than {MOST_KEY} bytes: shorten it")
    return name, key
