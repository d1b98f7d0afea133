"""What the text of one setting must be. A check returns the value, or raises ValueError.

The text of the ValueError continues a sentence that begins with the variable's name. It never contains
a password, nor a text that may hold one.
"""

import ipaddress
import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from progress_lib.nats.connection import load_certificate
from progress_lib.nats.login import ADVICE, FORM, checked_urls
from progress_lib.subjects import EVERY_TENANT, check_id
from settings.addresses import Network, PrivateHosts, parse_private_hosts, parse_proxies
from settings.own_files import ROOT
from settings.reading import SettingsError
from settings.shared import SCOPES, TENANT

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

STORES = ("sqlite", "postgresql")  # their partial indexes ensure one active run a job
REPLICAS = ("1", "2", "3", "4", "5")  # NATS has no more
MIN_METRICS_TOKEN = 16  # characters
MAX_PORT = 65_535
# The server's own paths, and those below which it has others, as by an id or the name of a file; a test compares them with its routes
OWN_PATHS = frozenset(
    (
        *("/asyncapi.json", "/docs", "/healthz", "/metrics", "/openapi.json", "/readyz", "/ws"),
        *("/api/functions", "/api/gallery", "/api/node-types", "/api/room", "/api/session"),
        *("/api/tables", "/api/usage"),
    )
)
OWN_TREES = frozenset(("/api/files", "/api/jobs", "/api/runs", "/api/webhooks", "/static"))
_OF_A_SHELL = re.compile(r"~|\$\w+|\$\{\w+\}")  # a part of a path
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_PORT = re.compile(r":[0-9]{1,5}$")
_LAST_IS_NUMBER = re.compile(r"(^|\.)(0x[0-9a-f]*|[0-9]+)$")
# faß.de is xn--fa-hia.de to browsers, and fass.de, which may be somebody else's, to Python
_IS_TWO_HOSTS = re.compile("[ßẞς\u200c\u200d]")
_SEGMENT = r"/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+"  # without . and .., which clients take away
_PATH = re.compile(f"({_SEGMENT})+")
_PUBLIC_URL = re.compile(rf"https?://[A-Za-z0-9.\[\]:-]+({_SEGMENT})*")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
# Of another use; those of a proxy name no user, and each client would be let in
TAKEN_HEADERS = frozenset(
    (
        *("authorization", "cookie", "content-type", "content-length", "host", "origin"),
        *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-prefix"),
        *("x-forwarded-proto", "x-real-ip", "x-request-id", "user-agent"),
    )
)
_SIGN_OUT = re.compile(r"(/(?![/\\])|https?://[A-Za-z0-9])[!-~]{0,2000}")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@*]+")


def check_place(name: str, place: Path) -> None:
    """Raises SettingsError for a directory in which the product cannot work."""
    found = str(place)
    if os.pathsep in found or os.pathsep in os.path.realpath(place):
        why = f"holds a {os.pathsep!r}, which separates directories (DATA_ROOTS, PYTHONPATH)"
    elif not found.isprintable() and found != found.encode(errors="replace").decode():
        why = "is no UTF-8 text, so SQLite opens no file there"
    elif TENANT in found:
        why = f"holds {TENANT}, which stands for a tenant's name (DATA_ROOTS)"
    elif part := of_a_shell(place):
        why = f"holds {part}, which a shell replaces and nobody else"
    elif found[-1].isspace():
        why = "ends in white space, which gunicorn takes away"
    else:
        return
    raise SettingsError(f"{name} {found!r:.200} {why}; choose another place")


def of_a_shell(path: Path) -> str:
    """The part of a path that was meant for a shell, as ~ or $HOME in a file of settings that none has read; "" where there is none."""
    return next(filter(_OF_A_SHELL.fullmatch, path.parts), "")


def metrics_token(found: str) -> str:
    """A token for /metrics. The error does not contain it."""
    if len(found) < MIN_METRICS_TOKEN or not found.isascii() or not found.isprintable():
        raise ValueError(f"must be {MIN_METRICS_TOKEN} or more printable ASCII characters")
    return found


def base_path(found: str) -> str:
    """The path below which a proxy has this server, without a slash at its end; "" for the root."""
    path = found.rstrip("/")
    if path and not _PATH.fullmatch(path):
        raise ValueError(
            "must be a path such as /progress, of letters, digits and the signs . _ ~ - between slashes"
        )
    if path and is_own_path(path):
        raise ValueError(
            f"is {path!r:.80}, where this server has paths of its own: behind a proxy that takes it off nobody could tell them apart"
        )
    return path


def is_own_path(path: str) -> bool:
    """Whether this server may have a path that is that one, or is below it: as a prefix that a proxy takes off, it would be taken off twice."""
    below = f"{path}/"
    begins_one = any(f"{own}/".startswith(below) for own in OWN_PATHS | OWN_TREES)
    return begins_one or any(below.startswith(f"{own}/") for own in OWN_TREES)


def file(found: str) -> Path:
    """The path of a file."""
    return Path(found).absolute()


def certificates(found: str) -> Path:
    """The path of a PEM file with certificates."""
    path = file(found)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(f"{found!r:.200} holds no certificate in PEM format") from None
    except OSError as error:
        raise ValueError(f"{found!r:.200} cannot be read ({error.strerror})") from None
    return path


def check_certificate(own: Path, key: Path | None) -> None:
    """Raises ValueError unless the PEM files hold a certificate and its key, which needs no passphrase."""
    files = f"{own}" if key is None else f"{own} with NATS_KEY_FILE {key}"
    try:
        load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), str(own), name_of(key))
    except ssl.SSLError as error:
        why = "is no certificate with its key, without a passphrase, in PEM format"
        raise ValueError(f"{files} {why} ({error.reason or error})") from None
    except OSError as error:
        raise ValueError(f"{files} cannot be read ({error.strerror})") from None


def name_of(path: Path | None) -> str | None:
    """As a link to NATS takes it."""
    return None if path is None else str(path)


def replicas(found: str) -> int:
    """How many servers of a NATS cluster keep a stream."""
    if found not in REPLICAS:
        raise ValueError(f"is {found!r:.80}; it must be one of {', '.join(REPLICAS)}")
    return int(found)


def address(found: str) -> str:
    """An address or a name to listen on; whether it is this machine's, the start finds out. 0, which systems read as 0.0.0.0, opens no port to all."""
    try:
        found.encode("idna")
        if ":" not in found and _LAST_IS_NUMBER.search(found.lower()):
            ipaddress.IPv4Address(found)
    except ValueError:  # UnicodeError is one
        raise ValueError(f"{found!r:.80} is no address and no name of a host") from None
    return found


def entries(found: str) -> list[str]:
    """What stands between commas. Raises ValueError where nothing does: it would count as no list, and let in everybody."""
    named = [entry.strip() for entry in found.split(",") if entry.strip()]
    if not named:
        raise ValueError(f"{found!r:.80} names nothing; unset it, or name something")
    return named


def words(found: str) -> frozenset[str]:
    """Words, separated by commas."""
    return frozenset(entries(found))


def networks(found: str) -> tuple[Network, ...]:
    """The networks of proxies, separated by commas."""
    try:
        return parse_proxies(found)
    except ValueError as error:
        raise ValueError(f"{error}; use 10.0.0.1, 10.0.0.0/8 or *") from None


def private_hosts(found: str) -> PrivateHosts:
    """Hosts of the operator's own network, separated by commas."""
    entries(found)
    try:
        return parse_private_hosts(found)
    except ValueError as error:
        raise ValueError(f"{error}; use hooks.internal, 10.0.0.1 or 10.0.0.0/8") from None


def public_url(found: str) -> str:
    """Where people find the page, without a slash at its end."""
    url = found.rstrip("/")
    try:
        is_good = _PUBLIC_URL.fullmatch(url) is not None and urlsplit(url).port != 0
    except ValueError:  # of its port, or brackets
        is_good = False
    if not is_good:
        raise ValueError("must be of the form https://host[:port][/path], as people open the page")
    return url


def public_key(found: str) -> str:
    """PEM blocks or a JWKS document: the text itself, or that of the file that it names."""
    from settings.public_keys import public_keys  # only where there are some

    text = found if _is_key_text(found) else _file_text(found)
    public_keys(text)
    return text


def key_file(found: str) -> Path | None:
    """The file that `public_key` reads; None when the keys are in the text itself."""
    return None if _is_key_text(found) else file(found)


def _is_key_text(found: str) -> bool:
    return "-----BEGIN" in found or found.startswith("{")


def _file_text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path!r} is neither a PEM or JWKS text nor a readable file: {error}"
        ) from None


def nats_urls(found: str) -> str:
    """URLs of NATS servers. The error contains no part of the text that may belong to a password."""
    try:
        checked_urls(found)
    except ValueError:
        if "@" not in found:
            raise
        raise ValueError(f"{FORM}; {ADVICE}") from None
    return found


def database_url(found: str) -> str:
    """A URL of SQLite, whose file is made absolute, or PostgreSQL. The error does not contain it, since it may hold a password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if found.startswith("postgres://"):  # as those who rent out databases write it
        found = found.replace("postgres", "postgresql", 1)
    try:
        url = make_url(found)
        if url.get_backend_name() in STORES:
            url.get_dialect().import_dbapi()
    except (ArgumentError, ValueError):
        raise ValueError("is no SQLAlchemy URL, such as postgresql://user@host/name") from None
    except ImportError as error:
        raise ValueError(f"the driver for it is not installed ({error})") from None
    if url.get_backend_name() not in STORES:
        raise ValueError(
            f"is a URL of {url.get_backend_name()!r:.40}; jobs and runs are kept in SQLite or PostgreSQL"
        )
    if "@" in (url.host or ""):
        raise ValueError("has more than one @: in a user's name or a password it is written %40")
    if url.get_backend_name() == "sqlite" and _is_in_memory(url):
        raise ValueError(
            "is a database in memory, which each process would have for itself; "
            "name a file, such as sqlite:////srv/progress.db"
        )
    if url.get_backend_name() == "sqlite" and not _is_whole(url):
        _, mark, query = found.partition("?")
        return f"{url.drivername}:///{quote(os.fsencode(ROOT / str(url.database)))}{mark}{query}"
    return found


def _is_whole(url: "URL") -> bool:
    """Whether a URL of SQLite names its file wherever it is read: a server runs in ROOT, and a backup where it is called. A `file:` URI is its writer's own."""
    return str(url.database).startswith(("/", "file:"))


def _is_in_memory(url: "URL") -> bool:
    """Whether a URL of SQLite names a database in memory."""
    name = url.database or ""
    return name in ("", ":memory:", "file::memory:") or url.query.get("mode") == "memory"


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file. The path is quoted, since SQLAlchemy unquotes it and ends it at a `?`."""
    return f"sqlite:///{quote(os.fsencode(path))}"


def hosts(found: str) -> tuple[str, ...]:
    """Hosts with or without a port, and networks, separated by commas. Returns each in its one spelling."""
    return tuple(map(_host, entries(found)))


def _host(entry: str) -> str:
    _check_is_one_host(entry)
    host, port = entry.lower(), ""
    try:
        if "/" in host:
            return str(ipaddress.ip_network(host))
        if found := _PORT.search(host):
            host, port = host[: found.start()], found[0]
            if not 0 < int(port[1:]) <= MAX_PORT:
                raise ValueError
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host.removeprefix('[').removesuffix(']'))}]{port}"
        if _LAST_IS_NUMBER.search(host):
            return f"{ipaddress.IPv4Address(host)}{port}"
        name = host.encode("idna").decode("ascii")
        if _HOST.fullmatch(name):
            return f"{name}{port}"
    except ValueError:  # UnicodeError is one
        pass
    raise ValueError(
        f"{entry!r:.80} is no host such as api.example.com, 127.0.0.1:8080 or [::1], and no network such as 10.0.0.0/8"
    )


def _check_is_one_host(named: str) -> None:
    if found := _IS_TWO_HOSTS.search(named):
        raise ValueError(
            f"{named!r:.80} is one host to browsers and another to others, for its {found[0]!r}: write it as xn--…"
        )


def origins(found: str) -> tuple[str, ...]:
    """Origins, separated by white space or commas. Returns them as browsers write them."""
    return tuple(map(_origin, entries(",".join(found.lower().split()))))


def _origin(origin: str) -> str:
    _check_is_one_host(origin)
    scheme, _, host = origin.partition("://")
    try:
        if _ORIGIN.fullmatch(origin):
            is_ipv6 = host.startswith("[")
            return f"{scheme}://{_host(host) if is_ipv6 else host.encode('idna').decode('ascii')}"
    except ValueError:  # UnicodeError is one
        pass
    raise ValueError(f"{origin!r:.80} is not of the form https://host[:port]")


def header_name(found: str) -> str:
    """The name of an HTTP header that is not of another use."""
    if not _HEADER.fullmatch(found) or found.lower() in TAKEN_HEADERS:
        raise ValueError(
            f"{found!r:.80} cannot be it; use a header of its own, such as X-Auth-Request-User"
        )
    return found


def scopes(found: str) -> frozenset[str]:
    """Scopes, separated by spaces."""
    named = frozenset(found.split())
    if unknown := sorted(named - SCOPES):
        raise ValueError(f"holds {unknown[0]!r:.80}; known are {' '.join(sorted(SCOPES))}")
    return named


def sign_out(found: str) -> str:
    """A path of the page's own host, or a whole URL, to which the page goes."""
    if not _SIGN_OUT.fullmatch(found):
        raise ValueError(
            "must be a path such as /oauth2/sign_out, or a URL that begins with https://"
        )
    return found


def tenant_id(found: str) -> str:
    """One tenant."""
    return check_id(found)


def tenant(found: str) -> str:
    return found if found == EVERY_TENANT else check_id(found)
