"""Retries as a setting of the job: what a graph may say, and which waits that means."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from jobs.graph.settings.retries import Retries
from tests.programs import chain, node

GRAPH = chain(node(1, "csv_input", path="a.csv"), node(2, "csv_output", path="b.csv"))


def test_each_wait_is_twice_the_one_before_up_to_the_cap() -> None:
    retries = parse_graph({**GRAPH, "retries": {"count": 5, "wait": 30, "cap": 200}}).retries
    assert retries.attempts == 6
    assert [retries.wait_before(attempt) for attempt in range(2, 7)] == [30, 60, 120, 200, 200]
    assert Retries(10, 86_400, 86_400).wait_before(11) == 86_400


def test_a_graph_that_says_nothing_is_not_retried_and_one_that_does_is_written_so() -> None:
    assert parse_graph(GRAPH).retries.attempts == 1
    assert "retries" not in parse_graph(GRAPH).document()
    parsed = parse_graph({**GRAPH, "retries": {"count": 2}})
    assert parse_graph(parsed.document()) == parsed


@pytest.mark.parametrize(
    "retries",
    [
        *({}, [], 3, "3"),
        *({"count": -1}, {"count": 11}, {"count": True}, {"count": 1.5}, {"count": "1"}),
        *({"count": 1, "wait": 0}, {"count": 1, "wait": 86_401}, {"count": 1, "wait": 10**400}),
        *({"count": 1, "wait": 100, "cap": 99}, {"count": 1, "more": 1}, {"count": 1, "cap": 5}),
    ],
)
def test_what_is_no_setting_is_refused_with_a_sentence(retries: Any) -> None:
    with pytest.raises(GraphInvalid, match="retries") as refused:
        parse_graph({**GRAPH, "retries": retries})
    assert {error.field for error in refused.value.errors} == {"retries"}


@pytest.mark.parametrize(
    ("retries", "told"),
    [
        ({"wait": 7_200}, "the cap, 3,600 s by default, is less than the first wait, 7,200 s"),
        ({"cap": 30}, "the cap, 30 s, is less than the first wait, 60 s by default"),
    ],
)
def test_a_default_that_does_not_go_with_what_is_given_is_named(
    retries: dict[str, int], told: str
) -> None:
    with pytest.raises(GraphInvalid, match=told):
        parse_graph({**GRAPH, "retries": {"count": 1, **retries}})
