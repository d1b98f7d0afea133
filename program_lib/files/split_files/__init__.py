"""One output, many files."""

from __future__ import annotations
