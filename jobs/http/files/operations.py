"""What each route of files takes and answers, by the name of its handler in jobs/http/files/routes.py."""

from __future__ import annotations

from described.operation import Answer, Body, Operation, Parameter, answers
from described.schema import (
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    listed,
    nullable,
    one_of,
    record,
    ref,
    told,
)

FILES_A_PAGE = 200
ROWS_A_PAGE = 50
BYTES = "application/octet-stream"
_READ, _WRITE = "jobs:execute", "jobs:write"  # a download reads what a run could read
_TAG = "files"
_ROOT = Parameter(
    "root", "the data root below which the path is; the first one where it is not given"
)
_CONTENT: Schema = {"type": "string", "format": "binary"}
_FILE: dict[str, Schema] = {
    "path": told(TEXT, "as a graph writes it"),
    "root": told(
        nullable(TEXT), "the root that its path begins with; null: it is relative to the first one"
    ),
    "size": WHOLE,
    "changed": TIME,
}

SCHEMAS: dict[str, Schema] = {
    "File": record(_FILE),
    "FileEntry": record(
        {
            "name": TEXT,
            "kind": one_of(["file", "directory"]),
            "size": nullable(WHOLE),
            "changed": NUMBER,
        }
    ),
    "FileList": record(
        {
            "path": told(TEXT, "of the directory; empty for the first root"),
            "root": _FILE["root"],
            "parent": told(nullable(TEXT), "null for a root"),
            "entries": listed(ref("FileEntry"), "directories first, then by name"),
            "next": told(nullable(TEXT), "`after` of the next page; null on the last one"),
            "isAll": told(FLAG, "false where the directory has more entries than are looked at"),
            "roots": listed(TEXT, "the path of each data root; the first is empty"),
            "uploadBytes": told(WHOLE, "that an upload may have; 0: uploads are off"),
        }
    ),
    "OutputPage": record(
        {
            "columns": listed(TEXT),
            "types": listed(TEXT, "docs/types.md"),
            "rows": listed(listed({})),
            "truncated": FLAG,
            "timedOut": FLAG,
            "from": told(WHOLE, "which row the first one is, from 0 on"),
            "count": told(nullable(WHOLE), "rows in all; null where the end was not reached"),
            "file": told(
                nullable(ref("File")), "the file as it is now; null for a table or several files"
            ),
            "path": told(
                nullable(TEXT), "what is read, with * for several files; null for a table"
            ),
        }
    ),
}

OPERATIONS: dict[str, Operation] = {
    "list_files": Operation(
        "A directory of the tenant's data roots",
        answers(ref("FileList")),
        _READ,
        (
            Parameter("path", "of the directory, as a graph would write it"),
            Parameter("q", "a part of the names, whatever their case and accents"),
            Parameter("limit", f"entries, {FILES_A_PAGE} where it is not given", WHOLE),
            Parameter("after", "the `next` of the page before"),
        ),
        problems=(404, 409),
        tag=_TAG,
    ),
    "download_file": Operation(
        "The bytes of a file",
        {
            200: Answer("the file", {BYTES: _CONTENT}, ("Content-Disposition", "ETag")),
            206: Answer(
                "the part that Range asks for", {BYTES: _CONTENT}, ("Content-Range", "ETag")
            ),
            304: Answer("it is the one that If-None-Match names"),
        },
        _READ,
        (
            _ROOT,
            Parameter("Range", "one part, as bytes=1000-", place="header"),
            Parameter(
                "If-Range", "the ETag that the part must be of; else all comes", place="header"
            ),
            Parameter("If-None-Match", "the ETag of a copy that is there", place="header"),
        ),
        problems=(409, 412, 416),
        tag=_TAG,
    ),
    "upload_file": Operation(
        "Brings a file; 412 where one is there, unless it is to be replaced",
        {
            **answers(ref("File"), "a file was replaced"),
            **answers(ref("File"), "the file is there", 201),
        },
        _WRITE,
        (_ROOT, Parameter("replace", "1: a file that is there is replaced")),
        Body(_CONTENT, media=BYTES),
        problems=(409, 410, 411, 412, 507),
        tag=_TAG,
    ),
    "read_output": Operation(
        "Rows of what an output of a completed run wrote, as it is now",
        answers(ref("OutputPage")),
        _READ,
        (
            Parameter(
                "from", "the first row, from 0 on; negative: so many of the last rows", WHOLE
            ),
            Parameter("limit", f"rows, {ROWS_A_PAGE} where it is not given, at most 200", WHOLE),
        ),
        problems=(409, 422, 504),
        tag=_TAG,
    ),
}
