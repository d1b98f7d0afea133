"""Posts one body to a receiver, within a time that no receiver can stretch. Nothing of the answer is read but its head."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import h11

from program_lib.network.outgoing import Allowed, BadUrl, Refused, Target, connect, left

CONNECT_WAIT = 5.0  # seconds for an address to take the connection
MOST_HEAD = 16 * 1024  # bytes of the answer's head; more is none
READ_SIZE = 4_096
_NOT_TLS = "WRONG_VERSION_NUMBER"  # OpenSSL's reason where an answer is HTTP in the clear, say
_COMMON = {"user-agent": "Progress-Webhooks/1", "content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The receiver's answer, or why there was none."""

    answer: int | None = None  # the HTTP status
    error: str | None = None  # None: the receiver has taken it
    retry_after: float | None = None  # seconds that the receiver asks us to wait


def post(
    url: str, body: bytes, headers: Mapping[str, str], allowed: Allowed, timeout: float
) -> Outcome:
    """Raises nothing: what goes wrong is the receiver's, or the network's, and stands in the outcome."""
    deadline = time.monotonic() + timeout
    try:
        target = Target.of(url)
        connection = connect(target, allowed, min(CONNECT_WAIT, timeout), deadline)
    except (BadUrl, OSError) as error:
        return Outcome(error=_why_no_connection(error))
    try:
        with connection:
            return _judged(_exchange(connection, target, body, headers, deadline))
    except TimeoutError:
        return Outcome(error=f"it did not answer within {timeout:g} s")
    except (
        h11.RemoteProtocolError
    ):  # its text quotes the answer, which may be that of a service of the operator's
        return Outcome(error="what it answered is no HTTP")
    except OSError as error:
        return Outcome(error=f"it broke the exchange off: {error!s:.200}")


def _exchange(
    connection: socket.socket,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    deadline: float,
) -> h11.Response:
    """Raises OSError, h11.RemoteProtocolError."""
    machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
    said = {"host": target.authority, **_COMMON, **headers, "connection": "close"}
    request = h11.Request(
        method="POST",
        target=target.path,
        headers=[*said.items(), ("content-length", str(len(body)))],
    )
    pieces = (machine.send(event) or b"" for event in (request, h11.Data(body), h11.EndOfMessage()))
    connection.settimeout(left(deadline))
    connection.sendall(b"".join(pieces))
    while True:
        event = machine.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            connection.settimeout(left(deadline))
            piece = connection.recv(READ_SIZE)
            if not piece:
                raise ConnectionError("it closed the connection without an answer")
            machine.receive_data(piece)


def _judged(response: h11.Response) -> Outcome:
    status = response.status_code
    if 200 <= status < 300:
        return Outcome(status)
    if 300 <= status < 400:
        told = f"it answered {status}: redirects are not followed; give the webhook the address that they lead to"
        return Outcome(status, told)
    return Outcome(status, f"it answered {status}", _retry_after(response))


def _retry_after(response: h11.Response) -> float | None:
    found = next((value for name, value in response.headers if name == b"retry-after"), None)
    text = (found or b"").decode("ascii", "replace").strip()
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)  # as -0000 says
        return max(date.timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _why_no_connection(error: BadUrl | OSError) -> str:
    if isinstance(error, BadUrl):
        return f"the URL {error}"
    if isinstance(error, Refused):
        return f"{error}: the operator may allow it with WEBHOOK_PRIVATE_HOSTS"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return _why_no_tls(error)
    if isinstance(error, socket.gaierror):
        return f"its name has no address: {error.strerror}"
    if isinstance(error, TimeoutError):
        return "it took no connection in time"
    return f"it cannot be reached: {error.strerror or error}"


def _why_no_tls(error: ssl.SSLError) -> str:
    """OpenSSL's own words are for programmers: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)."""
    if error.reason == _NOT_TLS:
        return (
            "what it answers is no TLS: the address of a receiver without TLS begins with http://"
        )
    return f"TLS with it failed: {(error.reason or str(error)).replace('_', ' ').lower():.200}"
