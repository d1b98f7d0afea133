"""The types of nodes that a graph may hold: their ports, and the fields of their configuration.

Validation and the page's forms follow from this table alone. The generator has a template for each type
(`templates/nodes/<name>.py.j2`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from jobs.graph.expressions import MAX_LENGTH, ExpressionError, check_expression
from jobs.graph.passwords import CONNECTION_NAME, holds_password
from jobs.graph.paths import path_errors

MAX_TEXT = 100_000  # characters of one field
# Characters of the name of a table, a column or a connection; databases allow 30 to 128
MAX_NAME = 128
MAX_PATH = 1_000  # characters
MAX_COLUMNS = 500  # columns of one node; SQLite allows 2,000, PostgreSQL 1,600
SQLITE_DRIVERS = ("sqlite", "sqlite+pysqlite")
KEEP_ALL, KEEP_NONE = "all", "none"

NO_PASSWORDS = (
    "Connection is a URL with a password, which would be stored with the job: write the name of a connection here,"
    " and let whoever keeps the server set CONNECTION_<NAME>, or a line of CONNECTIONS_FILE, to the URL"
)

Check = Callable[[Any, "Field"], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a node's configuration, as validation and the page's form see it."""

    name: str
    label: str
    kind: str
    required: bool = True
    default: Any = None
    help: str = ""
    choices: tuple[str, ...] = ()

    def errors(self, value: Any) -> Iterator[str]:
        """The errors of a value of this field, a sentence each."""
        yield from CHECKS[self.kind](value, self)

    def document(self) -> dict[str, Any]:
        """This field as JSON, for the page's form."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind,
            "required": self.required,
            "default": self.default,
            "help": self.help,
            "choices": list(self.choices),
        }


@dataclass(frozen=True, slots=True)
class Size:
    """What a configuration costs to check: its characters of expressions and its entries of lists."""

    characters: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class NodeType:
    """What a node of this type is called, which ports it has, and what its configuration holds."""

    name: str
    label: str
    help: str
    has_input: bool
    has_output: bool
    fields: tuple[Field, ...]
    one_of: tuple[str, ...] = ()  # exactly one of these fields is given
    writes: str | None = None  # the field that holds the path of the file to write

    def config_errors(self, config: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
        """Each error of a configuration: (its field or None, a sentence)."""
        known = {field.name for field in self.fields}
        for name in config:
            if name not in known:
                yield (
                    name,
                    f"there is no field {_shown(name)}; {self.label} has {', '.join(sorted(known))}",
                )
        for field in self.fields:
            value = config.get(field.name)
            if value is not None:
                for message in field.errors(value):
                    yield field.name, message
            elif field.required and field.default is None:
                yield field.name, f"{field.label} is missing"
        yield from self._one_of_errors(config)

    def size(self, config: Mapping[str, Any]) -> Size:
        """The size of a configuration. Values that are refused for their length alone do not count."""
        values = [config.get(f.name) for f in self.fields if f.kind in ("columns", "names", "keep")]
        lists = [value for value in values if isinstance(value, list) and len(value) <= MAX_COLUMNS]
        texts = [config.get(f.name) for f in self.fields if f.kind == "expression"]
        texts += [e.get("expression") for entries in lists for e in entries if isinstance(e, dict)]
        lengths = (len(text) for text in texts if isinstance(text, str))
        return Size(sum(n for n in lengths if n <= MAX_LENGTH), sum(map(len, lists)))

    def with_defaults(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration, with the defaults of fields that were not given. Fields without either are left out."""
        given = {name: value for name, value in config.items() if value is not None}
        defaults = {field.name: field.default for field in self.fields if field.default is not None}
        return {**defaults, **given}

    def document(self) -> dict[str, Any]:
        """This type as JSON, for the page's palette and forms."""
        return {
            "name": self.name,
            "label": self.label,
            "help": self.help,
            "hasInput": self.has_input,
            "hasOutput": self.has_output,
            "fields": [field.document() for field in self.fields],
            "oneOf": list(self.one_of),
        }

    def _one_of_errors(self, config: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
        if not self.one_of:
            return
        given = [name for name in self.one_of if config.get(name) is not None]
        labels = " or ".join(field.label for field in self.fields if field.name in self.one_of)
        if not given:
            yield self.one_of[0], f"{labels} is missing"
        elif len(given) > 1:
            yield given[1], f"only one of {labels} can be given"


def node_types_document() -> list[dict[str, Any]]:
    """All node types as JSON, in the order of the palette."""
    return [node_type.document() for node_type in NODE_TYPES.values()]


def text_errors(value: Any, longest: int = MAX_TEXT, lines: bool = True) -> Iterator[str]:
    """What is wrong with a text that will be stored, shown and written into a program."""
    if not isinstance(value, str):
        yield f"must be text, not {_kind(value)}"
    elif not value.strip():
        yield "is empty"
    elif len(value) > longest:
        yield f"has {len(value):,} characters, at most {longest:,} are allowed"
    elif "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        yield "holds a character that cannot be stored"
    elif not lines and len(value.splitlines()) > 1:
        yield "must be a single line"


def _check_text(value: Any, field: Field) -> Iterator[str]:
    return _about(field.label, text_errors(value))


def _check_name(value: Any, field: Field) -> Iterator[str]:
    return _about(field.label, text_errors(value, MAX_NAME, lines=False))


def _check_path(value: Any, field: Field) -> Iterator[str]:
    errors = list(text_errors(value, MAX_PATH, lines=False))
    yield from _about(field.label, iter(errors or path_errors(value)))


def _check_connection(value: Any, field: Field) -> Iterator[str]:
    errors = list(text_errors(value, MAX_PATH, lines=False))
    if errors:
        yield from _about(field.label, iter(errors))
    elif "://" not in value:
        if not CONNECTION_NAME.fullmatch(value):
            yield (
                f"{field.label} must be a URL such as sqlite:///shop.db,"
                " or the name of a connection (letters, digits and _)"
            )
    elif holds_password(value):
        yield NO_PASSWORDS
    else:
        yield from _url_errors(value, field)


def _url_errors(value: str, field: Field) -> Iterator[str]:
    """The errors of a URL. A graph may name SQLite files by URL, but other databases only by connection name."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        yield f"{field.label} is not a database URL such as sqlite:///shop.db"
        return
    if url.drivername not in SQLITE_DRIVERS:
        yield (
            f"{field.label} is a URL of {url.get_backend_name()}: only the URLs of SQLite files stand in a graph,"
            " another database is named, and its URL is CONNECTION_<NAME> of the server"
        )
    elif url.host or set(url.query) - {"timeout"} or (url.database or "").startswith("file:"):
        yield f"{field.label} may only be sqlite:///, a path, and ?timeout= after it"
    elif url.database and url.database != ":memory:":
        yield from _about(field.label, path_errors(url.database))


def _check_choice(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{field.label} must be text, not {_kind(value)}"
    elif value not in field.choices:
        yield f"{field.label} is {_shown(value)}, it must be one of {', '.join(field.choices)}"


def _check_expression(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{field.label} must be text, not {_kind(value)}"
        return
    try:
        check_expression(value)
    except ExpressionError as error:
        yield f"{field.label}: {error}"


def _check_columns(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, list):
        yield f'{field.label} must be a list of {{"column": …, "expression": …}}, not {_kind(value)}'
        return
    if len(value) > MAX_COLUMNS:
        yield f"{field.label} has {len(value):,} entries, at most {MAX_COLUMNS} are allowed"
        return
    seen: set[str] = set()
    for number, entry in enumerate(value, 1):
        yield from _column_errors(entry, f"{field.label}, entry {number}", seen)


def _column_errors(entry: Any, where: str, seen: set[str]) -> Iterator[str]:
    if not isinstance(entry, dict) or set(entry) != {"column", "expression"}:
        yield f'{where} must be {{"column": …, "expression": …}}'
        return
    column, expression = entry["column"], entry["expression"]
    errors = list(text_errors(column, MAX_NAME, lines=False))
    yield from _about(f"{where}: the column's name", iter(errors))
    if not errors:
        if column in seen:
            yield f"{where}: the column {_shown(column)} is there twice"
        seen.add(column)
    if not isinstance(expression, str):
        yield f"{where}: the expression must be text, not {_kind(expression)}"
        return
    try:
        check_expression(expression)
    except ExpressionError as error:
        yield f"{where}: {error}"


def _check_names(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{field.label} must be a list of columns, not {_kind(value)}"
        return
    if len(value) > MAX_COLUMNS:
        yield f"{field.label} has {len(value):,} entries, at most {MAX_COLUMNS} are allowed"
        return
    for number, name in enumerate(value, 1):
        yield from _about(
            f"{field.label}, entry {number}", text_errors(name, MAX_NAME, lines=False)
        )
    counts = Counter(name for name in value if isinstance(name, str))
    for name in sorted(name for name, count in counts.items() if count > 1):
        yield f"{field.label}: the column {_shown(name)} is there twice"


def _check_keep(value: Any, field: Field) -> Iterator[str]:
    if isinstance(value, str):
        if value not in (KEEP_ALL, KEEP_NONE):
            yield f"{field.label} is {_shown(value)}, it must be all, none, or a list of columns"
        return
    yield from _check_names(value, field)


def _about(label: str, messages: Iterator[str]) -> Iterator[str]:
    return (f"{label} {message}" for message in messages)


def _kind(value: Any) -> str:
    """The kind of a JSON value in words. The value itself is not shown, since it may be huge."""
    if value is None:
        return "null"
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), type(value).__name__)


def _shown(text: Any) -> str:
    shown = repr(text) if isinstance(text, str) else _kind(text)
    return shown if len(shown) <= 60 else shown[:59] + "…"


CHECKS: dict[str, Check] = {
    "text": _check_text,
    "sql": _check_text,
    "table": _check_name,
    "path": _check_path,
    "connection": _check_connection,
    "choice": _check_choice,
    "expression": _check_expression,
    "columns": _check_columns,  # [{"column": …, "expression": …}, …]
    "names": _check_names,  # ["column", …]
    "keep": _check_keep,  # "all", "none" or ["column", …]
}

_CONNECTION = Field(
    "connection",
    "Connection",
    "connection",
    help="A SQLite file (sqlite:///shop.db lies in DATA_DIR), or the NAME of a connection that the server knows.",
)
_DELIMITER = Field(
    "delimiter",
    "Delimiter",
    "choice",
    default="comma",
    help="What stands between two fields.",
    choices=("comma", "semicolon", "tab", "pipe"),
)
_ENCODING = Field(
    "encoding",
    "Encoding",
    "choice",
    default="utf-8",
    help="How the file's characters are written.",
    choices=("utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"),
)

NODE_TYPES: dict[str, NodeType] = {
    node_type.name: node_type
    for node_type in (
        NodeType(
            "db_input",
            "DB Input",
            "Reads the rows of a query or a table, streamed.",
            has_input=False,
            has_output=True,
            fields=(
                _CONNECTION,
                Field(
                    "sql",
                    "SQL",
                    "sql",
                    required=False,
                    help="A SELECT; its columns need names of their own.",
                ),
                Field(
                    "table",
                    "Table",
                    "table",
                    required=False,
                    help="All rows of this table (or schema.table).",
                ),
            ),
            one_of=("sql", "table"),
        ),
        NodeType(
            "csv_input",
            "CSV Input",
            "Reads the rows of a CSV file whose first line names the columns.",
            has_input=False,
            has_output=True,
            fields=(
                Field("path", "Path", "path", help="The file; a relative path lies in DATA_DIR."),
                _DELIMITER,
                _ENCODING,
                Field(
                    "numbers",
                    "Number columns",
                    "names",
                    required=False,
                    help="Columns that hold numbers (an empty field is None); all others are text.",
                ),
            ),
        ),
        NodeType(
            "filter",
            "Filter",
            "Hands on the rows for which the condition holds.",
            has_input=True,
            has_output=True,
            fields=(
                Field(
                    "condition",
                    "Condition",
                    "expression",
                    help="For example: amount > 100 and country == 'DE'",
                ),
            ),
        ),
        NodeType(
            "map",
            "Map",
            "Computes columns from each row.",
            has_input=True,
            has_output=True,
            fields=(
                Field(
                    "columns",
                    "Columns",
                    "columns",
                    default=[],
                    help="What to compute from the row that comes in, for example total: quantity * price",
                ),
                Field(
                    "keep",
                    "Keep",
                    "keep",
                    default=KEEP_ALL,
                    help="Which columns of the row to keep: all, none, or a list.",
                ),
            ),
        ),
        NodeType(
            "db_output",
            "DB Output",
            "Writes the rows into a table, in one transaction.",
            has_input=True,
            has_output=False,
            fields=(
                _CONNECTION,
                Field("table", "Table", "table", help="The table (or schema.table)."),
                Field(
                    "mode",
                    "Mode",
                    "choice",
                    default="create",
                    help="create: a new table, which must not be there; append: rows are added to the table, which must"
                    " be there; replace: the rows take the place of those that are there.",
                    choices=("create", "append", "replace"),
                ),
            ),
        ),
        NodeType(
            "csv_output",
            "CSV Output",
            "Writes the rows into a CSV file, which appears when it is complete.",
            has_input=True,
            has_output=False,
            fields=(
                Field("path", "Path", "path", help="The file; a relative path lies in DATA_DIR."),
                _DELIMITER,
                _ENCODING,
            ),
            writes="path",
        ),
    )
}
