"""The page's files under an address that changes with them: a browser keeps each for a year, and never has an old one.

Asked for at /static/, a file is looked at anew each time, and a page asks for some ninety.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, g, send_from_directory

KEPT = "public, max-age=31536000, immutable"  # for a year
ENDPOINT = "kept_static"


def install(app: Flask) -> None:
    """Adds the route /static-<version>/…, and for templates `assets()`, the path of the version of now."""
    assert app.static_folder is not None
    directory = Path(app.static_folder)
    latest = _Latest(directory)

    @app.get("/static-<version>/<path:filename>", endpoint=ENDPOINT)
    def kept_static(version: str, filename: str) -> Response:
        """The file of now. A page of another release, which a balancer sent here, may not keep it."""
        found = send_from_directory(directory, filename)
        if version == latest.version():
            found.headers["Cache-Control"] = KEPT
        return found

    app.jinja_env.globals["assets"] = lambda: f"static-{latest.version_of_page()}"


class _Latest:
    """The version of the last page. A page names dozens of files, and asks for ninety: only the page itself looks at all of them, once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._version: str | None = None

    def version(self) -> str:
        return self._version or self._look()

    def version_of_page(self) -> str:
        if "assets_version" not in g:
            g.assets_version = self._look()
        return str(g.assets_version)

    def _look(self) -> str:
        self._version = found = version_of(self._directory)
        return found


def version_of(directory: Path) -> str:
    """What tells the files of now from others. Servers with the same files agree."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return _hashed(directory, tuple((path, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=1)
def _hashed(directory: Path, files: tuple[tuple[Path, int], ...]) -> str:
    content = hashlib.sha256()
    for path, _ in files:
        content.update(f"{path.relative_to(directory)}\0{path.stat().st_size}\0".encode())
        content.update(path.read_bytes())
    return content.hexdigest()[:16]
