"""Free ports for servers that tests, bench and soak start."""

from __future__ import annotations

import itertools
import os
import random
import socket

PORTS = ("API_PORT", "WS_PORT", "NATS_PORT", "NATS_MONITOR_PORT")
# Below the range of outgoing connections. Processes that start servers at the same time set FREE_PORTS.
FROM, TO = 15_000, 32_000
# One after the other: who was given a port binds it later, and meanwhile nobody else here is given it
_turns = itertools.count(random.randrange(FROM, TO))


def free_ports(count: int) -> list[int]:
    """`count` different ports on which nobody listens, from FREE_PORTS=<from>-<to> if that is set."""
    first, _, last = os.environ.get("FREE_PORTS", f"{FROM}-{TO}").partition("-")
    in_turn = (int(first) + turn % (int(last) - int(first)) for turn in _turns)
    return list(itertools.islice(filter(_is_free, in_turn), count))


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
