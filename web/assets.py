"""The page's files under an address that changes with them: a browser keeps each for a year, and never has an old one.

Asked for at /static/, a file is looked at anew each time. Answers of the API say which version the server has: a page of an
older one offers to load itself anew.
"""

from __future__ import annotations

import gzip
import os
import posixpath
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from flask import Flask, Response, g, request, send_from_directory

from web.page_bundle import PageFiles, hashed, page_files

KEPT = "public, max-age=31536000, immutable"  # for a year
ENDPOINT = "kept_static"
VERSION_HEADER = "Page-Version"
COMPRESSED = (".js", ".css", ".svg")


class Assets(NamedTuple):
    """What a page names."""

    version: str
    page: PageFiles


def install(app: Flask) -> None:
    """Adds the route /static-<version>/…, the version to answers of the API, and for templates `assets()`, the path of the version of now, and `page_files()`."""
    assert app.static_folder is not None
    directory = Path(app.static_folder)
    latest = _Latest(directory)

    @app.get("/static-<version>/<path:filename>", endpoint=ENDPOINT)
    def kept_static(version: str, filename: str) -> Response:
        """The file of now. A page of another release, which a balancer sent here, may not keep it."""
        found = send_from_directory(directory, filename)
        if version == latest.version():
            found.headers["Cache-Control"] = KEPT
        if not filename.endswith(COMPRESSED):
            return found
        # as Flask has found it: a path may go through what is not there, and back by ..
        return _compressed(found, directory / posixpath.normpath(filename))

    @app.after_request
    def tell_version(response: Response) -> Response:
        if request.path.startswith("/api/"):
            response.headers[VERSION_HEADER] = latest.version()
        return response

    app.jinja_env.globals["assets"] = lambda: f"static-{latest.of_page().version}"
    app.jinja_env.globals["page_files"] = lambda: latest.of_page().page


class _Latest:
    """The assets of the last page. A page names dozens of files: only the page itself looks at all of them, once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._assets: Assets | None = None

    def version(self) -> str:
        return (self._assets or self._look()).version

    def of_page(self) -> Assets:
        if "assets" not in g:
            g.assets = self._look()
        found: Assets = g.assets
        return found

    def _look(self) -> Assets:
        self._assets = found = assets_of(self._directory)
        return found


def assets_of(directory: Path) -> Assets:
    """What a page names now. Servers with the same files agree on the version."""
    return _read(directory, tuple(_changes(directory)))


def _changes(directory: str | Path) -> Iterator[tuple[str, int]]:
    """Each file below, and when it changed, always in the same order. (A page looks at some 160: as Path objects they took 3.5 ms.)"""
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _changes(entry.path)
        elif entry.is_file():
            yield entry.path, entry.stat().st_mtime_ns


@lru_cache(maxsize=1)
def _read(directory: Path, files: tuple[tuple[str, int], ...]) -> Assets:
    paths = sorted(Path(path) for path, _ in files)
    return Assets(hashed(directory, paths), page_files(directory))


def _compressed(found: Response, file: Path) -> Response:
    """`found`, the whole of `file`, in fewer bytes where whoever asks can read them: 100 kB of script for 300."""
    found.vary.add("Accept-Encoding")
    if found.status_code == 200 and request.accept_encodings["gzip"]:
        found.close()  # the plain file
        found.direct_passthrough = False
        found.set_data(_gzipped(file, file.stat().st_mtime_ns))
        found.content_encoding = "gzip"
        del found.headers["ETag"]  # it is the one of the plain bytes
    return found


@lru_cache(maxsize=256)
def _gzipped(file: Path, _changed: int) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)
