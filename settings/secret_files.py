"""Files that hold secrets: made for their owner alone, and refused when others may read them."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path


def read_secret(path: Path) -> str:
    """The text of a file that only its owner may read, without a byte order mark, as Windows begins files.

    ValueError's text continues "FILE …", as in "is no UTF-8 text".
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("is no regular file")
            if found.st_mode & 0o077:
                raise ValueError("can be read by others than its owner: chmod 600 it")
            return file.read()
    except UnicodeDecodeError:
        raise ValueError("is no UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None


def write_secret(path: Path, text: str) -> None:
    """Makes or replaces a file that only its owner may read. It is never half written. Raises OSError."""
    with _draft(path, text) as draft:
        draft.replace(path)


def make_secret(path: Path, text: str) -> None:
    """Makes a file that only its owner may read, unless it exists. Raises OSError.

    When many processes call this at the same time, one of them makes the file.
    """
    with _draft(path, text) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)


@contextlib.contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """A temporary file beside the wanted one, with the text in it. Deleted afterwards."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        yield draft
    finally:
        draft.unlink(missing_ok=True)
