"""Asks a service over HTTP, within bounds: which hosts, how many redirects, bytes and seconds an answer may have."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.request import getproxies_environment, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import make_headers
from urllib3.util import parse_url as parse_proxy

from program_lib.errors import ProgramError
from program_lib.http_service.answer import Answer
from program_lib.http_service.come_back import seconds_until
from program_lib.http_service.hosts import AllowedHosts
from program_lib.http_service.patience import Temporary
from program_lib.http_service.service import Service
from program_lib.network.urls import PORTS, Url, WrongUrl
from program_lib.process.secrets import SECRETS

# Its warnings tell whole URLs, and those may hold secrets
logging.getLogger("urllib3").setLevel(logging.ERROR)

REDIRECTS = (301, 302, 303, 307, 308)
# What is over soon, though it is told as a fault of the request: it came too slowly, too early or too often
SOON_OVER = (408, 425, 429)
MAX_REDIRECTS = 5  # of one answer
READ = 256 * 1024  # bytes, unpacked
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "http_input",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one answer may take; more fails the run."""

    size: int = (
        64 * 1024 * 1024
    )  # bytes of its body, unpacked; as columns they take up to six times as much
    connect: float = 15.0  # seconds for a connection, with TLS
    silence: float = 60.0  # seconds without a byte
    whole: float = 300.0  # seconds for all of it, however steadily it drips


class Asks(Protocol):
    """What reads pages from somewhere."""

    def get(self, url: Url) -> Answer: ...

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


class Client:
    """Asks one service, on a connection that is kept. One thread uses it."""

    def __init__(self, service: Service, hosts: AllowedHosts, bounds: Bounds | None = None) -> None:
        self._service, self._hosts = service, hosts
        self._bounds = bounds or Bounds()
        self._connection: HTTPConnection | None = None
        self._origin: tuple[str, str, int] | None = None  # of the connection
        self._tls: ssl.SSLContext | None = None  # made when it is needed: it reads all CAs

    def get(self, url: Url) -> Answer:
        """The answer with a whole body and a status from 200 on below 300, after redirects.

        Raises Temporary where it may help to ask again, ProgramError where not.
        """
        for _ in range(MAX_REDIRECTS + 1):
            self._hosts.check(url)
            answer = self._asked(url)
            if answer.status not in REDIRECTS:
                _check_status(answer)
                return answer
            url = followed(url, answer.header("Location"), "a redirect")
        raise ProgramError(f"{url.shown} redirects more than {MAX_REDIRECTS} times")

    def interrupt(self) -> None:
        """Whoever waits for an answer gets an error. Any thread."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            _shut_down(connection.sock)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _asked(self, url: Url) -> Answer:
        """One answer, whatever its status."""
        try:
            return self._answered(url)
        except (ProgramError, MemoryError):
            self.close()
            raise
        except DecodeError as error:
            self.close()
            raise ProgramError(f"the answer of {url.shown} is packed, and damaged") from error
        except ssl.SSLCertVerificationError as error:
            raise ProgramError(f"{url.authority}: {error.verify_message}") from error
        except (HTTPError, http.client.HTTPException, OSError) as error:
            self.close()
            raise _temporary(url, error) from error

    def _answered(self, url: Url) -> Answer:
        connection = self._connected(url)
        asked, headers = self._service.asked(url)
        is_proxied = connection.proxy is not None and url.scheme == "http"
        own = {
            name: value for name, value in HEADERS.items() if name.lower() not in _lower(headers)
        }
        with self._within(connection, url):
            connection.request(
                "GET",
                str(asked) if is_proxied else asked.target,
                headers={
                    "Host": url.authority,
                    **own,
                    **headers,
                    **(_login(connection) if is_proxied else {}),
                },
                preload_content=False,
            )
            response = connection.getresponse()
            body = self._body(response, url)
        if not connection.is_connected:
            self.close()
        return Answer(url, response.status, body, response.headers)

    @contextmanager
    def _within(self, connection: HTTPConnection, url: Url) -> Iterator[None]:
        """Ends the connection once its answer has taken too long: each byte alone would come in time."""
        is_late = threading.Event()
        sock = connection.sock

        def end() -> None:
            is_late.set()
            _shut_down(sock)

        timer = threading.Timer(self._bounds.whole, end)
        timer.name, timer.daemon = "http-deadline", True
        timer.start()
        try:
            yield
        except Exception:
            if not is_late.is_set():
                raise
        finally:
            timer.cancel()
        if is_late.is_set():
            raise ProgramError(
                f"the answer of {url.shown} took longer than {self._bounds.whole:,.0f} seconds: ask for smaller pages"
            )

    def _body(self, response: BaseHTTPResponse, url: Url) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := response.read1(READ):
            size += len(part)
            if size > self._bounds.size:
                raise ProgramError(
                    f"the answer of {url.shown} has more than {self._bounds.size // 1024 // 1024:,} MB, unpacked:"
                    " ask for smaller pages"
                )
            parts.append(part)
        return b"".join(parts)

    # Connections

    def _connected(self, url: Url) -> HTTPConnection:
        """A connection to an address that was checked, or to the proxy that the runner names."""
        kept = self._connection
        if kept is not None and self._origin == url.origin and kept.is_connected:
            return kept
        self.close()
        proxy = _proxy_of(url)
        made = self._to_proxy(url, proxy) if proxy else self._to_host(url)
        made.timeout = self._bounds.silence
        self._connection, self._origin = made, url.origin
        return made

    def _to_host(self, url: Url) -> HTTPConnection:
        failed: list[Exception] = []
        for address in self._hosts.addresses(url):
            try:
                return _opened(self._made(url, address, url.port))
            except (HTTPError, OSError) as error:
                failed.append(error)
        raise failed[-1]

    def _made(
        self, url: Url, host: str, port: int, proxy: urllib3.util.Url | None = None
    ) -> HTTPConnection:
        seconds = self._bounds.connect
        if url.scheme == "http":
            return HTTPConnection(host, port, timeout=seconds, proxy=proxy)
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return HTTPSConnection(
            host,
            port,
            timeout=seconds,
            proxy=proxy,
            ssl_context=self._tls,
            server_hostname=url.host,
        )

    def _to_proxy(self, url: Url, proxy: urllib3.util.Url) -> HTTPConnection:
        """The proxy looks up the host, and so decides which addresses may be reached."""
        made = self._made(url, proxy.host or "", proxy.port or PORTS["http"], proxy)
        if url.scheme == "https":
            host = f"[{url.host}]" if ":" in url.host else url.host
            made.set_tunnel(host, url.port, headers=_login(made))
        return _opened(made)


def _shut_down(sock: socket.socket) -> None:
    """Ends what any thread waits for on this socket."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already


def _opened(connection: HTTPConnection) -> HTTPConnection:
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def followed(url: Url, reference: str, what: str) -> Url:
    """Where a redirect or a link to another page leads; https stays https. Raises ProgramError."""
    if not reference:
        raise ProgramError(f"{url.shown} answers with {what} that leads nowhere")
    try:
        found = url.joined(reference)
    except WrongUrl as error:
        raise ProgramError(f"{url.shown} answers with {what} to an address that {error}") from None
    if url.scheme == "https" and found.scheme == "http":
        if (found.host, found.port) != (url.host, PORTS["http"]):
            raise ProgramError(
                f"{url.shown} answers with {what} to {found.authority} without TLS: that is not followed"
            )
        # A service behind a proxy that ends TLS may forget the s
        return replace(found, scheme="https", port=url.port)
    return found


def _check_status(answer: Answer) -> None:
    if 200 <= answer.status < 300:
        return
    why = f"{answer.url.shown} answers {answer.status}"
    if answer.body:
        why += f": {answer.beginning()}"
    after = seconds_until(answer.status, answer.headers)
    if answer.status >= 500 or answer.status in SOON_OVER or after is not None:
        raise Temporary(why, after)
    raise ProgramError(why)


def _temporary(url: Url, error: Exception) -> Temporary:
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    words = "the connection breaks off"
    if isinstance(cause, TimeoutError):
        words = "it says nothing"
    elif isinstance(cause, OSError) and cause.strerror:
        words = cause.strerror
    return Temporary(f"{url.shown} cannot be read: {words}")


def _lower(headers: Mapping[str, str]) -> set[str]:
    return {name.lower() for name in headers}


# The proxies that the runner hands on to its programs


def _proxy_of(url: Url) -> urllib3.util.Url | None:
    """The proxy for a URL by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY. Raises ProgramError for one of another kind."""
    proxies = getproxies_environment()
    named = proxies.get(url.scheme) or proxies.get("all")
    if not named or proxy_bypass(f"{url.host}:{url.port}"):
        return None
    proxy = parse_proxy(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.host:
        raise ProgramError("the proxy for this URL is none of the kind http://host:port")
    if proxy.auth:
        SECRETS.update({proxy.auth, proxy.auth.partition(":")[2]} - {""})
    return proxy


def _login(connection: HTTPConnection) -> dict[str, str]:
    auth = connection.proxy.auth if connection.proxy else None
    return dict(make_headers(proxy_basic_auth=auth)) if auth else {}
