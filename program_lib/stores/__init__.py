"""Object stores (S3-compatible) that an operator has named as connections: s3://CONNECTION/path. Importing this starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from program_lib.stores.objects import StoredObject

Place: TypeAlias = "Path | StoredObject"  # where a path of a graph leads
