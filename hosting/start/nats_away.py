"""What is said where the server of NATS_URL does not answer at the start."""

from __future__ import annotations

import socket
import urllib.parse

NATS_DEADLINE = 20.0  # seconds that the server of NATS_URL may be away at the start
LOOK_WAIT = 2.0  # seconds for a NATS server to answer when it is looked at
NATS_PORT = 4222  # where a NATS URL names none


def waiting_sentence(nats_url: str) -> str:
    where = " and ".join(f"{host}:{port}" for host, port in _addresses(nats_url))
    return f"scripts/run: waiting for NATS at {where} (NATS_URL), {NATS_DEADLINE:g} s at most"


def away_sentence(nats_url: str, waited: float) -> str:
    """A sentence that says why NATS does not answer, and what to do. It hides the URL's password."""
    found = "; ".join(
        f"{host}:{port}: {_look_at(host, port)}" for host, port in _addresses(nats_url)
    )
    return (
        f"no connection to NATS after {waited:.0f} s. NATS_URL leads to {found}. Start that server, or "
        "correct NATS_URL, or unset it: then an embedded server is started"
    )


def _addresses(nats_url: str) -> list[tuple[str, int]]:
    parts = [urllib.parse.urlsplit(url.strip()) for url in nats_url.split(",")]
    return [(part.hostname or "127.0.0.1", part.port or NATS_PORT) for part in parts]


def _look_at(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=LOOK_WAIT) as connection:
            if connection.recv(4) == b"INFO":
                return "a NATS server that does not let us in (user, password or TLS?)"
            return "something that is no NATS server"
    except TimeoutError:
        return f"no answer within {LOOK_WAIT:g} s"
    except OSError as error:
        return error.strerror or str(error)
