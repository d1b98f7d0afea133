"""What a program reads from its environment."""

from __future__ import annotations

import pytest

from program_lib.process import settings
from progress_lib.reporting import environment

EMPTY = (
    "NATS_URL",
    "TENANT_ID",
    "JOB_ID",
    "RUN_ID",
    "LAST_WORDS",
    "COMMITTING",
    "DATA_DIR",
    "DATA_ROOTS",
)


def _forget() -> None:
    settings.data_dir.cache_clear()
    settings.data_roots.cache_clear()


def values() -> tuple[object, ...]:
    _forget()
    named = [settings.environ_or(name, "of the program") for name in ("TENANT_ID", "JOB_ID")]
    told = (settings.nats_url(), settings.run_id(), settings.last_words())
    return (*named, *told, settings.data_dir(), settings.data_roots())


def test_an_empty_variable_counts_as_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EMPTY:
        monkeypatch.delenv(name, raising=False)
    unset = values()
    for name in EMPTY:
        monkeypatch.setenv(name, "")
    assert values() == unset
    assert unset[2] == environment.NATS_URL


def test_a_program_and_the_library_report_to_the_same_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NATS_URL", "nats://elsewhere:4333")
    assert settings.nats_url() == environment.nats_url() == "nats://elsewhere:4333"
