"""The handlers of files, and of the rows that an output of a run wrote."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestedRangeNotSatisfiable

from jobs.graph.documents.reading_back import reading_back
from jobs.graph.filled import as_run
from jobs.http import pages
from jobs.http.body import check_not_packed
from jobs.http.files.operations import FILES_A_PAGE, ROWS_A_PAGE
from jobs.http.handlers import Answer, Routes, TenantOf
from jobs.http.problems import Problem
from jobs.http.runners.files import FileRequests
from jobs.http.runners.previews import PreviewRequests
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.work.file_questions import MOST_A_PAGE
from program_lib.files.split_files.names import PLACE
from program_lib.stores.names import is_stored
from settings.defaults import UploadSettings

READ, BRING = "jobs:execute", "jobs:write"
MB = 1 << 20
MOST_ROWS = 200  # of a page


class FileRoutes:
    def __init__(
        self,
        store: Store,
        files: FileRequests,
        previews: PreviewRequests,
        tenant: TenantOf,
        settings: UploadSettings,
    ) -> None:
        self._store = store
        self._files = files
        self._previews = previews
        self._tenant = tenant
        self._settings = settings

    def routes(self) -> Routes:
        return [
            ("GET", "/files", self.list_files),
            ("GET", "/files/<path:path>", self.download_file),
            ("PUT", "/files/<path:path>", self.upload_file),
            ("GET", "/runs/<run_id>/outputs/<int:node_id>", self.read_output),
        ]

    def list_files(self) -> Answer:
        """A directory of the data roots. `?path=` names it, `?q=` is a part of names, `?limit=` and `?after=` page."""
        tenant_id = self._tenant(READ)
        pages.know("path", "after", "q")
        question = {
            "do": "list",
            "path": request.args.get("path", ""),
            "after": request.args.get("after", ""),
            "limit": pages.clamped("limit", FILES_A_PAGE, MOST_A_PAGE),
            "search": request.args.get("q", "")[: pages.MAX_SEARCH],
        }
        return jsonify(self._files.ask(tenant_id, question))

    def download_file(self, path: str) -> Answer:
        """The bytes of a file, or those that Range asks for, never to be shown by a browser as a page."""
        tenant_id = self._tenant(READ)
        wanted = _wanted(path)
        if request.method == "HEAD":  # nobody would read the bytes
            found = self._files.ask(tenant_id, {"do": "look", "path": wanted})
            return Response(headers=_headers(found), content_type="application/octet-stream")
        found, pieces = self._files.download(tenant_id, wanted)
        made = Response(pieces, headers=_headers(found), content_type="application/octet-stream")
        made.call_on_close(pieces.close)
        try:
            made.make_conditional(request, _asks_for_a_part(), complete_length=found["size"])
        except RequestedRangeNotSatisfiable:
            pieces.close()
            raise
        return made

    def upload_file(self, path: str) -> Answer:
        """Takes the bytes of a file. 412 where one is there already, unless `?replace=1`."""
        tenant_id = self._tenant(BRING)
        pages.know("root", "replace")
        check_not_packed()
        _check_whole()
        size = self._announced_size()
        replace = request.args.get("replace") == "1"
        found = self._files.upload(tenant_id, _wanted(path), size, _read_body, replace=replace)
        replaced = found.pop("replaced")
        return jsonify(found), 200 if replaced else 201

    def _announced_size(self) -> int:
        if not self._settings.upload_mb:
            raise Problem(403, "uploads are off here (UPLOAD_MB=0)")
        size = request.content_length
        if size is None:
            raise Problem(411, "an upload needs a Content-Length")
        if size > self._settings.upload_mb * MB:
            most = f"{self._settings.upload_mb:,} MB at most (UPLOAD_MB)"
            raise Problem(413, f"the file has {size:,} bytes; an upload has {most}")
        return size

    def read_output(self, run_id: str, node_id: int) -> Answer:
        """A page of what an output has written, as it is now: from row `?from=` on (negative: the last ones)."""
        tenant_id = self._tenant(READ)
        pages.know("from", "limit")
        start = pages.number("from", 0, int)
        rows = pages.clamped("limit", ROWS_A_PAGE, MOST_ROWS)
        run = self._store.run(tenant_id, run_id)
        graph = as_run(self._store.graph_of_run(tenant_id, run_id), run.parameters)
        part = reading_back(graph, node_id)
        if run.status is not RunStatus.COMPLETED:
            said = "has not ended" if not run.has_ended else f"ended as {run.status.value}"
            raise Problem(409, f"the run {said}: what its outputs write is there when it completes")
        file = self._file_of(tenant_id, part)
        page = self._previews.page(tenant_id, part, start, rows)
        return jsonify({**page, "file": file, "path": _path_in(part)})

    def _file_of(self, tenant_id: str, part: dict[str, Any]) -> dict[str, Any] | None:
        """The one file that is read; None for a table, an object of a store, and for rows that were split into several files."""
        path = _path_in(part)
        if path is None or PLACE in path or is_stored(path):
            return None
        return self._files.ask(tenant_id, {"do": "look", "path": path})


def _path_in(part: dict[str, Any]) -> str | None:
    path: str | None = part["nodes"][0]["config"].get("path")
    return path


def _wanted(path: str) -> str:
    """The path as a graph writes it: below `?root=`, a further root, or the first one."""
    root = request.args.get("root", "")
    if root and not root.startswith("/"):
        raise Problem(400, "?root= must be one of the roots that GET /api/files names")
    return posixpath.join(root, path) if root else path


def _check_whole() -> None:
    """Raises Problem (400) for a part of a file, as `curl -C -` goes on with: it would be taken for all of it."""
    if "Content-Range" in request.headers:
        raise Problem(400, "an upload is a whole file: this one has a Content-Range")


def _asks_for_a_part() -> bool:
    """Whether Range names one part. What names several, or is no range, counts as none (RFC 9110, 14.2)."""
    asked = request.range
    return asked is not None and asked.units == "bytes" and len(asked.ranges) == 1


def _headers(found: dict[str, Any]) -> dict[str, str]:
    name = posixpath.basename(found["path"])
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "_" for c in name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {
        "Content-Disposition": disposition,
        "Content-Length": str(found["size"]),
        "Accept-Ranges": "bytes",
        "ETag": f'"{found["changed"]}-{found["size"]}"',
    }


def _read_body(most: int) -> bytes:
    try:
        content: bytes = request.stream.read(most)
        return content
    except (ClientDisconnected, TimeoutError, ParseException) as error:
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            raise Problem(
                408, "the body came too slowly"
            ) from None  # raised in web/serving/patience.py
        raise Problem(400, "the body ended before its announced length") from None
