"""Fields that several node types have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.fields.field import UNNAMED, Field, Member
from jobs.graph.fields.wrong_fields import WrongField
from program_lib.rejects import MOST_ROWS, SHARE_FROM
from program_lib.reshape import aggregates
from program_lib.reshape.keys import DIRECTIONS, PLACES_OF_NULL

MAX_KEYS = 20  # columns of a key; databases allow 16 to 64
ORDER_MEMBERS = (
    Member("column", "Column", reads=UNNAMED),
    Member("direction", "Direction", "choice", DIRECTIONS, required=False),
    Member("nulls", "NULLs", "choice", PLACES_OF_NULL, required=False),
)
CONNECTION = Field(
    "connection",
    "Connection",
    "connection",
    help="A SQLite file (sqlite:///shop.db lies in DATA_DIR), or the NAME of a connection that the server knows.",
)
DELIMITER = Field(
    "delimiter",
    "Delimiter",
    "choice",
    default="comma",
    help="What stands between two fields.",
    choices=("comma", "semicolon", "tab", "pipe"),
)
ENCODING = Field(
    "encoding",
    "Encoding",
    "choice",
    default="utf-8",
    help="How the file's characters are written. Windows has cp1252 in Western and cp1250 in Central Europe, cp1251 for"
    " Cyrillic, cp932 (Shift JIS) in Japan, gb18030 (GBK) in China, cp950 (Big5) in Taiwan, cp949 in Korea.",
    choices=(
        "utf-8",
        "utf-8-sig",
        "latin-1",
        "cp1252",
        "utf-16",
        "iso-8859-15",
        "cp1250",
        "cp1251",
        "cp932",
        "gb18030",
        "cp950",
        "cp949",
    ),
)
DECIMAL = Field(
    "decimal",
    "Decimal sign",
    "choice",
    default="point",
    choices=("point", "comma"),
    help="What stands before the fraction of a numeric or double: comma for 1234,50. Thousands are not parted.",
)
SEPARATOR = Field(
    "separator",
    "Separator",
    "separator",
    default=aggregates.SEPARATOR,
    help="What join puts between two texts.",
)
# Of each type that rejects rows
REJECT_FIELDS = (
    Field(
        "reject_limit",
        "Rejected rows",
        "count",
        required=False,
        for_rejects=True,
        help=f"How many rows may be rejected; one more fails the run. By default {MOST_ROWS:,}.",
    ),
    Field(
        "reject_share",
        "Rejected %",
        "count",
        required=False,
        for_rejects=True,
        largest=100,
        help="How many of 100 rows that come may be rejected; more fail the run, at its end or after"
        f" {SHARE_FROM:,} rows. By default any share.",
    ),
)
NULL_MARKER = Field(
    "null_marker",
    "NULL is written as",
    "marker",
    required=False,
    help="What stands for NULL where it is not in quotes, for example \\N; by default nothing: an empty field"
    ' is NULL, and "" is an empty text.',
)


def first_row(values: str) -> Field:
    """Whether the first row names the columns; `values`: what is said of it where it does not."""
    return Field(
        "header",
        "First row",
        "choice",
        default="names",
        choices=("names", "values"),
        help=f"names: it names the columns. values: it is a row as the others, {values}.",
    )


def check_decimal(config: Mapping[str, Any]) -> None:
    """Raises WrongField where fields and digits would be parted by the same sign."""
    if config.get("decimal") == "comma" and config.get("delimiter") == "comma":
        raise WrongField(
            "decimal",
            "Decimal sign is a comma, which parts the fields already: choose another delimiter",
        )


def keys(help_text: str, left: str, right: str) -> Field:
    """The columns of two inputs, named here, by which their rows belong together."""
    return Field(
        "on",
        "Keys",
        "entries",
        members=(
            Member("left", "Left column", reads=left),
            Member("right", "Right column", reads=right),
        ),
        entry="key",
        most=MAX_KEYS,
        help=help_text,
    )
