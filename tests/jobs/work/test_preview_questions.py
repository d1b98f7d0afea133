"""What a web worker asks of a preview is what the runner reads, and what the AsyncAPI document describes."""

import json

import pytest

from jobs.graph.documents.again import Again, Stands
from jobs.work.channels import PREVIEW_QUESTION
from jobs.work.preview_questions import AroundRow, Find, Page, PreviewQuestion

GRAPH = {"nodes": [{"id": 1, "type": "csv_input"}], "edges": []}
WHOLE = PreviewQuestion(
    GRAPH,
    ((1, None), (2, "rejected")),
    Find.COLUMNS,
    {"from": "2026", "to": None},
    (2,),
    Page(-200, 50),
    AroundRow(7, "a.csv"),
    Again("r1", 2, "place", {1: Stands(5, True)}),
)


@pytest.mark.parametrize("question", [WHOLE, PreviewQuestion(GRAPH)])
def test_a_question_arrives_as_it_was_asked(question: PreviewQuestion) -> None:
    assert PreviewQuestion.parse(question.to_json()) == question


def test_each_member_of_a_question_is_described() -> None:
    assert json.loads(WHOLE.to_json()).keys() == PREVIEW_QUESTION["properties"].keys()


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"graph": {}, "find": "all"}'])
def test_what_is_no_question_is_refused(payload: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        PreviewQuestion.parse(payload)
