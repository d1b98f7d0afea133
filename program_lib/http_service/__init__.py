"""HTTP services as sources of rows: what a program calls.

Which hosts may be asked is the operator's to say: HTTP_INPUT_HOSTS, which the runner hands on.
"""

from __future__ import annotations

from collections.abc import Mapping

from program_lib.columns.narrowest_types import narrowest_types
from program_lib.http_service.client import Client
from program_lib.http_service.hosts import allowed_hosts
from program_lib.http_service.paging import ByCursor, ByLink, ByNumber, Paging
from program_lib.http_service.patience import Patience
from program_lib.http_service.reader import HttpReader
from program_lib.http_service.service import named_service
from program_lib.ndjson_files.columns import REFUSE
from program_lib.network.urls import Url
from program_lib.process.settings import is_preview
from program_lib.types import COLUMN_TYPES, Column

# While somebody waits for a preview or for types, which have 8 seconds
HURRIED = Patience(tries=2, longest=2.0)


def read_http(
    url: str,
    *,
    connection: str | None = None,
    rows: str = "",
    paging: Paging | None = None,
    total: str | None = None,
    more: str | None = None,
    types: Mapping[str, str] | None = None,
    others: str = REFUSE,
) -> HttpReader:
    """The rows of a service, which answers with JSON; a member that is missing is NULL.

    `connection` is the name of one that holds headers and secrets; `url` may then be what follows its URL. `rows` is
    the path of the list of rows in an answer, `total` that of how many there are, `more` that of whether there is a next page. `types` says what columns hold, by the
    names in program_lib.types.COLUMN_TYPES; all others are text. `others`: what becomes of members that are no columns.
    """
    named = {column: COLUMN_TYPES[name] for column, name in (types or {}).items()}
    return HttpReader(
        lambda: _client(url, connection),
        rows=rows,
        paging=paging,
        total=total,
        more=more,
        types=named,
        others=others,
        patience=HURRIED if is_preview() else None,
    )


def find_types(url: str, *, connection: str | None = None, rows: str = "") -> list[Column]:
    """What the columns of the first page hold: for each the narrowest type that takes all of its values."""
    return narrowest_types(
        HttpReader(lambda: _client(url, connection), rows=rows, is_sample=True, patience=HURRIED)
    )


def by_link(path: str | None = None) -> ByLink:
    """Pages whose answers name the next one: at a path or, without one, in their header Link."""
    return ByLink(path)


def by_cursor(path: str, *, parameter: str) -> ByCursor:
    """Pages whose answers have at a path what the query of the next request tells as `parameter`."""
    return ByCursor(path, parameter)


def by_page(parameter: str, *, first: int) -> ByNumber:
    """Pages that are numbered, from `first` on, until one has no rows."""
    return ByNumber(parameter, first)


def by_offset(parameter: str) -> ByNumber:
    """Pages that begin after so many rows, until one has no rows."""
    return ByNumber(parameter)


def _client(url: str, connection: str | None) -> tuple[Client, Url]:
    service = named_service(connection)
    return Client(service, allowed_hosts()), service.url(url)
