"""Free ports for servers that tests, bench and soak start."""

from __future__ import annotations

import os
import random
import socket

PORTS = ("API_PORT", "WS_PORT", "NATS_PORT", "NATS_MONITOR_PORT")
# Below the range of outgoing connections. Processes that start servers at the same time set FREE_PORTS.
FROM, TO = 15_000, 32_000


def free_ports(count: int) -> list[int]:
    """`count` different ports on which nobody listens, from FREE_PORTS=<from>-<to> if that is set."""
    first, _, last = os.environ.get("FREE_PORTS", f"{FROM}-{TO}").partition("-")
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(int(first), int(last))
        if port not in ports and _is_free(port):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    return free_ports(1)[0]


def port_settings() -> dict[str, str]:
    """The settings that name the product's four ports."""
    return {name: str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
