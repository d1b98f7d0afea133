"""Fixtures for tests of what programs use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import NatsServer
from tests.progress_lib.listener import Listener


@pytest.fixture
def listener(nats_server: NatsServer) -> Iterator[Listener]:
    """It hears all that is said of job 42 of the tenant default."""
    listener = Listener(nats_server.url)
    yield listener
    listener.link.close()
