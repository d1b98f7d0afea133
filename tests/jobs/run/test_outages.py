"""What a runner logs while the database is away: once why, not at each try. It was lines each second, a whole weekend of a million."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.run.duties import Duty
from jobs.runner import _opened
from jobs.store.store import StoreUnavailable
from jobs.webhooks.deliveries import Deliveries, Pace
from tests.harness import eventually

AWAY = 5  # tries that fail before one that succeeds


class Database:
    """Is away AWAY times, is there once, and is away again."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self, *_: object) -> Any:
        self.asked += 1
        if self.asked != AWAY + 1:
            raise StoreUnavailable("it is away")
        return []


def lines(caplog: pytest.LogCaptureFixture, about: str) -> int:
    return sum(about in record.getMessage() for record in caplog.records)


def test_what_is_done_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    database = Database()
    duty = Duty(-1.0, database.ask)  # due at once again
    for _ in range(AWAY):
        duty.do_if_due()
    assert lines(caplog, "it is away") == 1
    for _ in range(AWAY):
        duty.do_if_due()
    assert lines(caplog, "it is away") == 2, "it was there meanwhile"


def test_a_start(caplog: pytest.LogCaptureFixture) -> None:
    database = Database()
    stop = SimpleNamespace(is_set=lambda: False, wait=lambda seconds: None)
    store = SimpleNamespace(open=database.ask)
    assert _opened(cast(Any, store), cast(Any, stop))
    assert lines(caplog, "waiting for the database: it is away") == 1


def test_deliveries(caplog: pytest.LogCaptureFixture) -> None:
    database = Database()
    pace = Pace(poll=0.001, retry=0.001)
    webhooks = cast(Any, SimpleNamespace(due=database.ask))
    deliveries = Deliveries(webhooks, cast(Any, None), has_many_tenants=False, pace=pace)
    deliveries.start()
    try:
        eventually(lambda: database.asked > 3 * AWAY)
    finally:
        deliveries.stop()
    assert lines(caplog, "webhooks wait: it is away") == 2
