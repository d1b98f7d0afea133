"""The tag that a job asks for, as a member of its graph."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from settings.tags import runner_tags
from tests.programs import chain, node

PLAIN = chain(
    node(1, "csv_input", path="a.csv"),
    node(2, "csv_output", path="b.csv"),
)


@pytest.mark.parametrize("tag", ["gpu", "eu-1", "0", "x" * 32, None])
def test_a_tag_or_none_is_kept(tag: str | None) -> None:
    graph = parse_graph({**PLAIN, "runnerTag": tag})
    assert graph.runner_tag == tag
    assert parse_graph(graph.document()) == graph


@pytest.mark.parametrize(
    "wrong", ["GPU", "a b", "", "a.b", "*", "-a", "x" * 33, "gpu\n", "ü", 7, ["gpu"]]
)
def test_what_is_no_tag_is_refused_with_a_sentence(wrong: Any) -> None:
    with pytest.raises(GraphInvalid) as refused:
        parse_graph({**PLAIN, "runnerTag": wrong})
    [error] = refused.value.errors
    assert error.field == "runnerTag"
    assert "a word of lower-case letters" in error.message


def test_a_list_of_tags_names_each_once() -> None:
    assert runner_tags("gpu, eu,gpu") == ("eu", "gpu")
    with pytest.raises(ValueError, match="'GPU': a tag is a word of lower-case"):
        runner_tags("eu,GPU")
    with pytest.raises(ValueError, match="''"):
        runner_tags("gpu,,eu")
    with pytest.raises(ValueError, match="33 tags, at most 32"):
        runner_tags(",".join(f"t{number}" for number in range(33)))
