"""Files that a bench writes for its caller, and the document of an earlier bench that it reads."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any


def of_caller(path: str) -> Path:
    """The path as the caller means it: relative to where scripts/bench was called."""
    return Path(os.environ.get("BENCH_FROM", "."), path).absolute()


def check_place(parser: argparse.ArgumentParser, option: str, path: str | None) -> None:
    """Ends the command where the file of `option` has no directory: after the bench its figures would be lost."""
    if path is not None and not (place := of_caller(path).parent).is_dir():
        parser.error(f"{option} {path}: there is no directory {place}")


def read_document(path: str, *members: str) -> dict[str, Any]:
    """The document that an earlier bench wrote with --json, which has these members. Raises OSError, ValueError."""
    document = json.loads(of_caller(path).read_text())
    if not isinstance(document, dict) or not document.keys() >= {*members}:
        raise ValueError(f"{path} is no document that --json of this command wrote")
    return document
