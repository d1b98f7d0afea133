"""Fixtures that every test may ask for; they live in tests/harness.py. And whose turn it is: tests/turns.py."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.harness import link, nats_server, product, shop_database, start_product
from tests.turns import turn

__all__ = ["link", "nats_server", "product", "shop_database", "start_product"]


# outside of pytest-timeout's own: to wait for a turn is no test's fault
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not hasattr(item.config, "workerinput"):  # one process runs them all
        return (yield)
    with turn(_shared(item.config), alone=item.get_closest_marker("alone") is not None):
        return (yield)


def _shared(config: pytest.Config) -> Path:
    """The directory of this run, in which each worker has its own."""
    base: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    return base.parent
