"""Which database a connection of the graph leads to."""

from __future__ import annotations

import os
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from program_lib.errors import ProgramError
from program_lib.files.data_files import check_database, data_file
from program_lib.process.secrets import SECRETS
from program_lib.process.settings import data_dir

OF_SERVICES = ("http://", "https://", "{")  # URLs for HTTP Input, and their headers
SECRET_NAMES = ("pass", "pwd", "secret", "token", "odbc_connect")  # parts of a URL's query


def database_url(connection: str) -> URL:
    """The URL of a connection: itself, or CONNECTION_<NAME> of the environment; its passwords are hidden from now on.

    The path of a SQLite file is its real path. Raises ProgramError, and PermissionError for a file that is no data.
    """
    is_named = "://" not in connection
    text = _of_environment(connection) if is_named else connection
    url = _parsed(text, f"the connection {connection}" if is_named else "the connection")
    SECRETS.update(_passwords(url))
    if is_sqlite_file(url):
        assert url.database is not None
        # SQLite keeps the WAL beside the file itself, not beside a link to it
        if is_named:
            path = os.path.realpath(data_dir() / url.database)
        else:
            path = str(data_file(url.database))
        url = url.set(database=path)
    return url


def _parsed(text: str, what: str) -> URL:
    """Raises ProgramError, which tells nothing of a URL that cannot be read: what stands where may be its password."""
    scheme, mark, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme == "postgres":  # as libpq knows it, and those who rent out databases write it
        scheme = "postgresql"
    try:
        url = make_url(f"{scheme}{mark}{rest}")
    except (ArgumentError, ValueError):
        raise ProgramError(
            f"{what} is no URL of a database such as postgresql://user:password@host:5432/name"
        ) from None
    if "@" in (url.host or ""):
        raise ProgramError(
            f"{what} has more than one @: in a user's name or a password it is written %40"
        )
    return url


def _of_environment(name: str) -> str:
    variable = f"CONNECTION_{name.upper()}"
    if variable not in os.environ:
        why = f"{variable} is not set, or is for other tenants"
        raise ProgramError(f"the connection {name} is not known: {why}")
    text = os.environ[variable].strip()
    if "://" not in text or text.startswith(OF_SERVICES):
        raise ProgramError(f"the connection {name} is no URL of a database")
    return text


def _passwords(url: URL) -> set[str]:
    """Each way in which a driver may tell the password of a URL."""
    found = {str(value) for name, value in url.query.items() if _is_secret(name)}
    if url.password:
        password = str(url.password)
        found |= {password, quote(password), quote_plus(password)}
    return found - {""}


def _is_secret(name: str) -> bool:
    return any(part in name.lower() for part in SECRET_NAMES)


def is_sqlite_file(url: URL) -> bool:
    """Whether the URL leads to a file by its path, and not into memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return False
    return not str(url.database).startswith("file:")


def check_is_there(url: URL) -> None:
    """Raises ProgramError for a SQLite file that is not there: to open it would make an empty one."""
    if is_sqlite_file(url):
        check_database(str(url.database))
