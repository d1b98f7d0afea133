"""What is wrong with the value of a field, a sentence each: one check a kind of field."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from jobs.graph.fields.code import MAX_CODE, code_errors
from jobs.graph.fields.passwords import CONNECTION_NAME, holds_password, holds_secret
from jobs.graph.fields.paths import path_errors
from program_lib.errors import ProgramError
from program_lib.expressions import ExpressionError, parse
from program_lib.network.urls import WrongUrl, is_whole, parse_url
from program_lib.notation.excel_cells import place_of, sheet_name_error
from program_lib.notation.json_paths import parse_path
from program_lib.parameters import in_url
from program_lib.types import COLUMN_TYPES

if TYPE_CHECKING:
    from jobs.graph.fields.field import Field, Member

MAX_NAME = 128  # characters of the name of a table or a connection; databases allow 30 to 128
MAX_COLUMN = 1_000  # characters of that of a column, as first lines of files hold whole questions
MAX_COLUMNS = 500  # columns that one node computes; SQLite allows 2,000, PostgreSQL 1,600
MAX_COUNT = 2**53 - 1  # rows; the largest whole number that a browser keeps exactly
MAX_TEXT = 100_000  # characters of one field; a query longer than this is a program of its own
MAX_PATH = 1_000  # characters
MAX_URL_TEXT = 4_000  # characters; servers take 8,000, with the values of parameters
MAX_PORT = 40  # characters of the name of an input or output, which stands beside the card
MAX_MARKER = 20  # characters of what stands for NULL in a file, or between two texts
SQLITE_DRIVERS = ("sqlite", "sqlite+pysqlite")
KEEP_ALL = "all"  # as program_lib.batch has them
KEEP_NONE = "none"
NO_PASSWORDS = (
    "Connection is a URL with a password, which would be stored with the job: write the name of a connection here,"
    " and let whoever keeps the server set CONNECTION_<NAME>, or a line of CONNECTIONS_FILE, to the URL"
)
NO_KEYS = (
    "Path holds a key, which would be stored with the job: write s3://CONNECTION/path, and let whoever keeps the server"
    " set CONNECTION_<NAME>, or a line of CONNECTIONS_FILE, to the URL of the store"
)
NO_SECRETS = (
    "URL holds a user, a password or a key, which would be stored with the job: name a connection, and let whoever keeps"
    " the server write it there"
)
Check = Callable[[Any, "Field"], Iterator[str]]


def text_errors(value: Any, longest: int = MAX_TEXT, lines: bool = True) -> Iterator[str]:
    """What is wrong with a text that will be stored, shown and written into a program."""
    if not isinstance(value, str):
        yield f"must be text, not {_kind(value)}"
    elif not value.strip():
        yield "is empty"
    elif len(value) > longest:
        yield f"has {len(value):,} characters, at most {longest:,} are allowed"
    elif _cannot_be_stored(value):
        yield "holds a character that cannot be stored"
    elif not lines and len(value.splitlines()) > 1:
        yield "must be a single line"


def _cannot_be_stored(text: str) -> bool:
    """Whether a NUL or half of a character is in it, which is in no file and no database."""
    return "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text)


def _check_text(value: Any, field: Field) -> Iterator[str]:
    return _about(field.label, text_errors(value))


def _check_python(value: Any, field: Field) -> Iterator[str]:
    errors = list(text_errors(value, MAX_CODE))
    return _about(field.label, iter(errors or code_errors(value)))


def _check_name(value: Any, field: Field) -> Iterator[str]:
    return _about(field.label, text_errors(value, MAX_NAME, lines=False))


def column_name_errors(value: Any) -> Iterator[str]:
    """What is wrong with the name of a column: files and databases have some of several lines."""
    return text_errors(value, MAX_COLUMN)


def _check_column(value: Any, field: Field) -> Iterator[str]:
    return _about(field.label, column_name_errors(value))


def _check_path(value: Any, field: Field) -> Iterator[str]:
    errors = list(text_errors(value, MAX_PATH, lines=False))
    yield from _about(field.label, iter(errors or path_errors(value)))


def _check_cell(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{field.label} must be text, not {_kind(value)}"
    elif place_of(value) is None:
        yield f"{field.label} is {shown(value)}, it must be the name of a cell, such as B3"


def _check_sheet(value: Any, field: Field) -> Iterator[str]:
    errors = list(text_errors(value, MAX_NAME, lines=False))
    if not errors and (why := sheet_name_error(value)):
        errors = [why]
    yield from _about(field.label, iter(errors))


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
    """A graph opens files by their URL, and other databases by the name that the operator gave them."""
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


def _check_http_connection(value: Any, field: Field) -> Iterator[str]:
    errors = list(text_errors(value, MAX_NAME, lines=False))
    yield from _about(field.label, iter(errors))
    if not errors and not CONNECTION_NAME.fullmatch(value):
        yield f"{field.label} must be the name of a connection (letters, digits and _)"


def _check_url(value: Any, field: Field) -> Iterator[str]:
    """Of one that is not whole, what follows the URL of a connection, only its form is known here."""
    errors = list(text_errors(value, MAX_URL_TEXT, lines=False))
    if errors:
        yield from _about(field.label, iter(errors))
    elif holds_secret(value):
        yield NO_SECRETS
    else:
        whole = value if is_whole(value) else f"https://host/{value.lstrip('/')}"
        try:
            parse_url(whole)
            in_url(whole, {})
        except (WrongUrl, ProgramError) as error:
            yield f"{field.label} {error}"


def _check_json_path(value: Any, field: Field) -> Iterator[str]:
    errors = list(text_errors(value, MAX_PATH, lines=False))
    if errors:
        yield from _about(field.label, iter(errors))
        return
    try:
        parse_path(value)
    except ValueError as error:
        yield f"{field.label} {error}"


def _check_choice(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{field.label} must be text, not {_kind(value)}"
    elif value not in field.choices:
        yield f"{field.label} is {shown(value)}, it must be one of {', '.join(field.choices)}"


def _check_expression(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{field.label} must be text, not {_kind(value)}"
        return
    try:
        parse(value)
    except ExpressionError as error:
        yield f"{field.label}: {error}"


def _each(
    value: Any, field: Field, form: str, errors_of: Callable[[Any, str, set[str]], Iterator[str]]
) -> Iterator[str]:
    """Of a list of columns; `form` is that of an entry."""
    if not isinstance(value, list):
        yield f"{field.label} must be a list of {form}, not {_kind(value)}"
        return
    if len(value) > MAX_COLUMNS:
        yield _too_many(value, field, MAX_COLUMNS)
        return
    seen: set[str] = set()
    for number, entry in enumerate(value, 1):
        yield from errors_of(entry, f"{field.label}, entry {number}", seen)


def _too_many(value: list[Any], field: Field, most: int) -> str:
    return f"{field.label} has {len(value):,} entries, at most {most} are allowed"


def _check_columns(value: Any, field: Field) -> Iterator[str]:
    return _each(value, field, '{"column": …, "expression": …}', _column_errors)


def _column_errors(entry: Any, where: str, seen: set[str]) -> Iterator[str]:
    if not isinstance(entry, dict) or set(entry) != {"column", "expression"}:
        yield f'{where} must be {{"column": …, "expression": …}}'
        return
    yield from _new_name_errors(entry["column"], where, seen)
    yield from _expression_errors(entry["expression"], where)


def _new_name_errors(column: Any, where: str, seen: set[str]) -> Iterator[str]:
    """Of a column that is named once in a list; `seen` are those before it."""
    errors = list(column_name_errors(column))
    yield from _about(f"{where}: the column's name", iter(errors))
    if not errors:
        if column in seen:
            yield f"{where}: the column {shown(column)} is there twice"
        seen.add(column)


def _check_names(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{field.label} must be a list of columns, not {_kind(value)}"
        return
    if len(value) > MAX_COLUMNS:
        yield _too_many(value, field, MAX_COLUMNS)
        return
    for number, name in enumerate(value, 1):
        yield from _about(f"{field.label}, entry {number}", column_name_errors(name))
    counts = Counter(name for name in value if isinstance(name, str))
    for name in sorted(name for name, count in counts.items() if count > 1):
        yield f"{field.label}: the column {shown(name)} is there twice"


def _check_types(value: Any, field: Field) -> Iterator[str]:
    return _each(value, field, '{"column": …, "type": …}', _type_errors)


def _type_errors(entry: Any, where: str, seen: set[str]) -> Iterator[str]:
    if not isinstance(entry, dict) or set(entry) != {"column", "type"}:
        yield f'{where} must be {{"column": …, "type": …}}'
        return
    yield from _new_name_errors(entry["column"], where, seen)
    if not isinstance(entry["type"], str) or entry["type"] not in COLUMN_TYPES:
        yield f"{where}: the type is {shown(entry['type'])}, it must be one of {', '.join(COLUMN_TYPES)}"


def _check_entries(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{field.label} must be a list of {_entry_form(field)}, not {_kind(value)}"
        return
    if not value and field.required:
        yield f"{field.label} is empty"
    if len(value) > field.most:
        yield _too_many(value, field, field.most)
        return
    seen = {field.reserved} if field.reserved else set()
    for number, entry in enumerate(value, 1):
        yield from _entry_errors(entry, field, f"{field.label}, entry {number}", seen)


def _entry_form(field: Field) -> str:
    return "{" + ", ".join(f'"{member.name}": …' for member in field.members) + "}"


def _entry_errors(entry: Any, field: Field, where: str, seen: set[str]) -> Iterator[str]:
    needed = {member.name for member in field.members if member.required}
    if not isinstance(entry, dict) or not needed <= set(entry) <= {m.name for m in field.members}:
        yield f"{where} must be {_entry_form(field)}"
        return
    for member in field.members:
        given = entry.get(member.name)
        if member.required or given not in (None, ""):
            yield from _member_errors(given, member, where)
    mark = _mark(entry, field)
    if isinstance(mark, str):
        if mark in seen:
            what = f": the {field.entry} {shown(mark)}" if field.unique else ""
            yield f"{where}{what} is there twice"
        seen.add(mark)


def _mark(entry: dict[str, Any], field: Field) -> Any:
    """What no two entries have alike."""
    if not field.unique:
        return json.dumps(entry, sort_keys=True)
    return entry.get(field.unique) or entry.get(field.unique_or)


def _member_errors(value: Any, member: Member, where: str) -> Iterator[str]:
    label = member.label.lower()
    if member.kind == "count":
        if type(value) is not int or not 0 <= value <= MAX_COUNT:
            yield f"{where}: the {label} must be a whole number, between 0 and {MAX_COUNT:,}"
    elif member.kind == "choice":
        if not isinstance(value, str) or value not in member.choices:
            yield f"{where}: the {label} is {shown(value)}, it must be one of {', '.join(member.choices)}"
    elif member.kind == "expression":
        yield from _expression_errors(value, where, label)
    else:
        errors = text_errors(value, member.longest, lines=member.has_lines)
        yield from _about(f"{where}: the {label}", errors)


def _expression_errors(value: Any, where: str, label: str = "expression") -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where}: the {label} must be text, not {_kind(value)}"
        return
    try:
        parse(value)
    except ExpressionError as error:
        yield f"{where}: {error}"


def _check_marker(value: Any, field: Field) -> Iterator[str]:
    errors = list(_check_separator(value, field))
    yield from errors
    if not errors and set(value) & set('",;|\t\r\n'):
        yield f"{field.label} is {shown(value)}: it must hold no quote, delimiter or line end"


def _check_separator(value: Any, field: Field) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{field.label} must be text, not {_kind(value)}"
    elif len(value) > MAX_MARKER:
        yield f"{field.label} has {len(value)} characters, at most {MAX_MARKER} are allowed"
    elif _cannot_be_stored(value):
        yield f"{field.label} holds a character that cannot be stored"


def _check_count(value: Any, field: Field) -> Iterator[str]:
    if type(value) is not int:
        yield f"{field.label} must be a whole number, not {_kind(value)}"
    elif not 0 <= value <= field.largest:
        yield f"{field.label} must be between 0 and {field.largest:,}"


def _check_keep(value: Any, field: Field) -> Iterator[str]:
    if isinstance(value, str):
        if value not in (KEEP_ALL, KEEP_NONE):
            yield f"{field.label} is {shown(value)}, it must be all, none, or a list of columns"
        return
    yield from _check_names(value, field)


def _about(label: str, messages: Iterator[str]) -> Iterator[str]:
    return (f"{label} {message}" for message in messages)


def _kind(value: Any) -> str:
    """What a JSON value is, in a reader's words; never the value itself, which may be huge or deep."""
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


def shown(value: Any) -> str:
    """A value in a message: a text in quotes, of anything else its kind; at most 60 characters."""
    text = repr(value) if isinstance(value, str) else _kind(value)
    return text if len(text) <= 60 else text[:59] + "…"


CHECKS: dict[str, Check] = {
    "text": _check_text,
    "sql": _check_text,
    "python": _check_python,
    "table": _check_name,
    "path": _check_path,
    "connection": _check_connection,
    "http_connection": _check_http_connection,
    "url": _check_url,
    "json_path": _check_json_path,
    "choice": _check_choice,
    "expression": _check_expression,
    "columns": _check_columns,  # [{"column": …, "expression": …}, …]
    "names": _check_names,  # ["column", …]
    "types": _check_types,  # [{"column": …, "type": …}, …]
    "entries": _check_entries,  # [{the members of the field: …}, …]
    "column": _check_column,
    "separator": _check_separator,
    "name": _check_name,
    "cell": _check_cell,  # of a spreadsheet: "B3"
    "sheet": _check_sheet,  # the name of a sheet
    "marker": _check_marker,
    "count": _check_count,
    "keep": _check_keep,  # "all", "none" or ["column", …]
}
