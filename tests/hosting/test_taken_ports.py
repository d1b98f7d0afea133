"""Ports that others have: a server that cannot start says which would do."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path

import pytest

from hosting.start.taken_ports import STEP, check_ports
from settings import Settings, SettingsError
from tests.harness import free_ports


def test_a_port_that_is_told_instead_is_free_and_none_of_ours(tmp_path: Path) -> None:
    """The third installation on a machine was told the ports of the second."""
    with socket.create_server(("127.0.0.1", 0)) as taken, contextlib.ExitStack() as stack:
        port = taken.getsockname()[1]
        with contextlib.suppress(OSError):  # somebody else has it, which is as good
            stack.enter_context(socket.create_server(("127.0.0.1", port + STEP)))
        ours = {"API_PORT": port, "WS_PORT": port + 2 * STEP}
        ours |= dict(zip(("NATS_PORT", "NATS_MONITOR_PORT"), free_ports(2), strict=True))
        told = {name: str(number) for name, number in ours.items()}
        with pytest.raises(SettingsError, match="API_PORT") as error:
            check_ports(Settings.from_env({**told, "DATA_DIR": str(tmp_path)}))
        found = re.search(r" API_PORT=(\d+) ", str(error.value))
    assert found is not None
    assert int(found[1]) not in {*ours.values(), port + STEP}
