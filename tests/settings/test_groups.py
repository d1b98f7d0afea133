"""A setting is one line of a group: its variable, its default and its bounds are nowhere else."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass

import pytest

from settings import Settings
from settings.defaults import Deadlines, ProgramRules
from settings.reading import Reader, SettingsError, group, number, read_group, variables
from tests.harness import ROOT
from tests.settings.test_settings import BAD

TAKE_ANY_TEXT = {  # no value of theirs is bad by itself
    "CONNECTIONS_FILE",
    "JWT_ISSUER",
    "NATS_ISSUER_SEED",
    "PROGRAM_READS",
    "SHARED_DATA_ROOTS",
}


@dataclass(frozen=True, slots=True)
class Inner:
    few: int = number("FEW", 3, 1, 5)


@dataclass(frozen=True, slots=True)
class Outer:
    many: int = number("MANY", 300, 100, 500)
    inner: Inner = group(Inner)  # noqa: RUF009 (it is a field)


def test_a_setting_needs_no_more_than_its_line() -> None:
    assert variables(Outer) == {"MANY": "`300`", "FEW": "`3`"}
    assert read_group(Outer, Reader({})) == Outer() == Outer(300, Inner(3))
    assert read_group(Outer, Reader({"FEW": "5", "MANY": " "})) == Outer(300, Inner(5))
    with pytest.raises(SettingsError, match=r"^FEW is '6'; it must be a number from 1 to 5$"):
        read_group(Outer, Reader({"FEW": "6"}))


def test_what_nobody_sets_is_what_a_group_says() -> None:
    unset = Settings.from_env({})
    for each in fields(Settings):
        kind = each.metadata.get("group")
        if kind is ProgramRules:  # its roots lie in DATA_DIR
            assert unset.program == ProgramRules(unset.program.own_roots)
        elif kind is not None:
            assert getattr(unset, each.name) == kind(), each.name


def test_a_group_that_was_read_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings.from_env({}).deadlines.run = 5  # type: ignore[misc]
    assert not hasattr(Deadlines(), "__dict__")


def test_every_setting_has_a_bad_value_among_the_tests() -> None:
    assert set(variables(Settings)) == {name for name, _ in BAD} | TAKE_ANY_TEXT


def test_the_decision_on_settings_tells_each_group() -> None:
    told = (ROOT / "docs/decisions/settings.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\w+)`", told, re.MULTILINE))
    types = {one.name: one.type for one in fields(Settings) if is_dataclass(one.type)}
    assert rows == {name: getattr(of, "__name__", of) for name, of in types.items()}
    assert f"and {len(rows)} frozen groups" in told
