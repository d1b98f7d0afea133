"""The fields of an output that makes several files of its rows, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.fields.field import Field
from jobs.graph.node_type import UNNAMED, WrongField
from jobs.graph.rows.known import Known
from program_lib.files.split_files.names import PLACE, place_error
from program_lib.types import Kind, listed

SPLIT_FIELDS = (
    Field(
        "split_by",
        "Split by",
        "column",
        required=False,
        reads=UNNAMED,
        help="A column of which each value has a file of its own, 100 at most; NULL is __NULL__ in its name, an empty"
        " text __EMPTY__, and odd signs are %2F and the like.",
    ),
    Field(
        "split_rows",
        "Rows a file",
        "count",
        required=False,
        help="How many rows a file has at most; the files are numbered 0001, 0002, and there are 1,000 at most.",
    ),
    Field(
        "split_mb",
        "MB a file",
        "count",
        required=False,
        help="In place of Rows a file: a file that has so many MB is full, within a twentieth and less than an MB; packed"
        " files count as they are packed.",
    ),
    Field(
        "existing",
        "Files of before",
        "choice",
        default="keep",
        choices=("keep", "refuse"),
        help="Where it is split, what becomes of files that the path means, and that get no rows now: keep leaves"
        " them and says how many stay, refuse fails before the first row.",
    ),
)
# Of a template, before the end of its call
SPLIT_LINES = """\
{% if config.get('split_by') %}
        split_by={{ config.split_by | literal }},
{% endif %}
{% if config.get('split_rows') %}
        split_rows={{ config.split_rows | literal }},
{% endif %}
{% if config.get('split_mb') %}
        split_mb={{ config.split_mb | literal }},
{% endif %}
{% if config.existing == 'refuse' %}
        existing="refuse",
{% endif %}
"""


def known_when_split(config: Mapping[str, Any], known: Known) -> Known:
    """The columns that come in. Raises WrongField where path and splitting do not go together."""
    path, by = config["path"], config.get("split_by")
    if config.get("split_rows") and config.get("split_mb"):
        raise WrongField(
            "split_mb", "MB a file is given, and Rows a file, too: leave one of them out"
        )
    if not (by or config.get("split_rows") or config.get("split_mb")):
        if PLACE in path:
            raise WrongField(
                "path",
                "Path holds *, which stands where files are split: give Split by, Rows a file or MB a file",
            )
        return known
    if why := place_error(path):
        raise WrongField("path", f"Path {why}")
    column = known.column(by) if by else None
    if column is not None and column.type.kind in (Kind.BYTES, Kind.JSON):
        raise WrongField(
            "split_by",
            f"Split by is {column.type}, by which no file is called; {listed(known.names)}",
        )
    return known
