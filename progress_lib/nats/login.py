"""What a NATS URL says, and the CONNECT command that logs in with it: read and written by pynats2.

The only file that imports pynats2, and that names attributes which pynats2 keeps to itself.
"""

import os
import sys
import threading
import types
from typing import Any
from urllib.parse import unquote, urlsplit

DEFAULT_PORT = 4222
FORM = "is not of the form nats://[user:password@]host[:port]"
ADVICE = "in a user or password write , / ? # @ : and % as %2C %2F %3F %23 %40 %3A and %25"


def _import_pynats2() -> Any:
    """pynats2's client module, spared pkg_resources: gone from new venvs, and 0.3 s of each start."""
    stand_in = types.ModuleType("pkg_resources")
    stand_in.get_distribution = _distribution  # type: ignore[attr-defined]
    missing = "pkg_resources" not in sys.modules
    sys.modules.setdefault("pkg_resources", stand_in)
    try:
        import pynats2.client
    finally:
        if missing:
            del sys.modules["pkg_resources"]
    return pynats2.client


def _distribution(name: str) -> Any:
    """What CONNECT tells of a version."""
    import importlib.metadata  # 10 ms of a start; only a process that logs in needs it

    return importlib.metadata.distribution(name)


_pynats2 = _import_pynats2()


# Held by a thread that imports. A child that was forked meanwhile could never import the same: it waits for a thread
# that it does not have.
_IMPORTING = threading.Lock()
os.register_at_fork(
    before=_IMPORTING.acquire,
    after_in_parent=_IMPORTING.release,
    after_in_child=_IMPORTING.release,
)


class Login:
    """One server, and who logs in there. `url` has one of the forms that `checked_urls` lets through."""

    def __init__(self, url: str, name: str) -> None:
        with _IMPORTING:
            import encodings.idna  # noqa: F401  a socket's address needs it

            self._client = _pynats2.NATSNoSubscribeClient(url, name=name)
        options = self._client._conn_options
        for key in ("username", "password"):  # pynats2 would send them percent-encoded
            options[key] = unquote(options[key]) if options[key] else options[key]
        self.host: str = options["hostname"]
        self.port: int = options["port"] or DEFAULT_PORT
        self.wants_tls: bool = options["tls"]

    def command(self) -> bytes:
        """The line CONNECT. It may hold a password."""
        written = _Written()
        self._client._socket = written
        self._client._send_connect_command()
        return bytes(written.all)


class _Written:
    """A socket for pynats2, which keeps what is written."""

    def __init__(self) -> None:
        self.all = bytearray()

    def sendall(self, data: bytes) -> None:
        self.all += data


def checked_urls(urls: str) -> list[str]:
    """The servers of a list with commas. Raises ValueError with a sentence, without anything that may belong to a password."""
    parts = [part.strip() for part in str(urls).split(",")]  # of a variable that is not set: None
    for part in parts:
        if not _is_url(part):
            if "@" in str(urls):
                raise ValueError(f"the NATS URL {FORM}; {ADVICE}")
            raise ValueError(f"NATS URL {part!r} {FORM}")
    return parts


def _is_url(url: str) -> bool:
    try:
        parsed = urlsplit(url)
        fit = parsed.scheme in ("nats", "tls") and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        return False
    # an @ behind the host: a user or password that holds one of the signs that end a host
    return fit and "@" not in parsed.path + parsed.query + parsed.fragment
