"""Before the sockets: whether the ports that a server needs are free, and which others would do."""

from __future__ import annotations

import errno
import socket

from hosting.embedded.lifeline import EmbeddedProcesses, is_kept
from settings import Settings, SettingsError

LARGEST = 65_535
LAST_PRIVILEGED = 1_023  # above it anybody may listen
STEP = 100  # so that the four of one installation stay apart
Port = tuple[str, str, int]
"""The setting that names it, the address, and its number."""


def check_ports(settings: Settings) -> None:
    """Raises SettingsError where another program has one of them, or an address is not this machine's."""
    needed = _needed(settings)
    taken = [port for port in needed if _is_taken(*port)]
    if taken:
        found = ", ".join(f"{name} {port} on {host}" for name, host, port in taken)
        ours = {port for _, _, port in needed}
        others = " ".join(f"{port[0]}={_other_port(port, ours)}" for port in taken)
        raise SettingsError(
            f"taken by another program: {found}. Stop that one, or choose other ports: {others} scripts/run"
        )


def _needed(settings: Settings) -> list[Port]:
    """The embedded nats-server may be there already: kept over a new start of gunicorn, or left over by one that was killed."""
    server, nats = settings.server, settings.nats
    ports = [("API_PORT", server.host, server.api_port), ("WS_PORT", server.host, server.ws_port)]
    if nats.url is None and not (is_kept(settings) or EmbeddedProcesses(settings).left_over()):
        ports += [("NATS_PORT", "127.0.0.1", nats.port)]
        ports += [("NATS_MONITOR_PORT", "127.0.0.1", nats.monitor_port)]
    return ports


def _is_taken(name: str, host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise SettingsError(
                f"{name} {port} on HOST {host} cannot be used ({error.strerror})"
            ) from None
    return False


def _other_port(port: Port, ours: set[int]) -> int:
    """A free one, and none of ours: the third installation on a machine finds the second's taken, too. Adds it to ours."""
    name, host, number = port
    further = (
        *range(number + STEP, LARGEST + 1, STEP),
        *range(number - STEP, LAST_PRIVILEGED, -STEP),
    )
    others = (other for other in further if other not in ours and not _is_taken(name, host, other))
    found = next(others, number)
    ours.add(found)
    return found
