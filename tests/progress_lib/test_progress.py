"""The progress message: what any publisher may send, and what is refused."""

import json
from decimal import Decimal
from typing import Any

import pytest

from progress_lib import Fault, MalformedProgress, Progress, Row, Status
from progress_lib.progress import usable
from progress_lib.subjects import check_id, check_subject, progress_subject

FIVE = {"nodeId": 1, "nodeName": "DB Input", "status": "running", "rowCount": 5, "message": "m"}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[1;32mTrain\x1b[0m", "Train"),
        ("\x1b]8;;https://example.com\x1b\\the page\x1b]8;;\x1b\\", "the page"),
        ("\x1b]0;title\x07Load\x1b(B", "Load"),
        ("\x1b[2K\r 50%\x1b[K\r100%\ndone\r\n", "100%\ndone\n"),
        ("cut off \x1b[38;5", "cut off "),
        ("a\\x1b[0m [31m", "a\\x1b[0m [31m"),
    ],
)
def test_a_name_and_a_message_lose_the_colours_of_a_terminal(written: str, shown: str) -> None:
    """As in tqdm(rows, desc=f"{Fore.GREEN}Train"): the page showed “[32mTrain”."""
    sent = usable(Progress(1, written, Status.RUNNING, message=written))
    assert (sent.node_name, sent.message) == (shown, shown)


def test_the_five_fields_of_a_foreign_publisher_are_enough() -> None:
    progress = Progress.parse(json.dumps(FIVE).encode())
    assert progress == Progress(1, "DB Input", Status.RUNNING, 5, "m")


def test_null_stands_for_an_optional_field_that_is_missing() -> None:
    fields = {"nodeId": 1, "status": "failed", "nodeName": None, "rowCount": None, "runId": None}
    assert Progress.parse(json.dumps(fields).encode()) == Progress(1, "", Status.FAILED)


def test_what_is_sent_is_read_back_the_same() -> None:
    sent = Progress(7, "Ünïcode \ud800 </script>", Status.FAILED, 3, "no\nway", "run", 9, 1.5)
    assert Progress.parse(sent.to_json()) == sent
    told = sent.replace(
        row=Row(9_000, {"amount": "None", "\ud800": "'x'"}, "line 9", [("a", None), ("b", "x")], 4),
        fault=Fault("columns", "1 / amount", ["amount"]),
        closed_by="runner",
        row_total=9,
        share=0.25,
        ports={"large": 2, "\ud800 </script>": 0},
    )
    assert Progress.parse(told.to_json()) == told


@pytest.mark.parametrize(
    "theirs", [12, "x", [1], {"number": "1"}, {"number": 1, "values": {"a": 1}}]
)
def test_a_publishers_own_field_with_a_name_of_ours_disturbs_nothing(theirs: object) -> None:
    payload = json.dumps(
        {
            **FIVE,
            "row": theirs,
            "closedBy": [theirs],
            "rowTotal": [theirs],
            "share": theirs,
            "ports": theirs,
            "fault": [theirs],
        }
    ).encode()
    assert Progress.parse(payload) == Progress.parse(json.dumps(FIVE).encode())


def test_a_program_may_count_any_outputs_and_they_are_bounded() -> None:
    counts: Any = {"a": Decimal(2), 5: 1, "x" * 500: 0, **{f"p{i}": i for i in range(500)}}
    sent = usable(Progress(1, "n", Status.RUNNING, ports=counts)).ports
    assert sent is not None
    assert len(sent) == 100
    assert list(sent.items())[:3] == [("a", 2), ("5", 1), ("x" * 128, 0)]
    with pytest.raises(MalformedProgress, match="ports must be a whole number"):
        usable(Progress(1, "n", Status.RUNNING, ports={"a": "many"}))  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("9000", 9_000),
        ("9000.0", 9_000),
        ("9e3", 9_000),
        ("0", None),
        ("-1", None),
        ("0.5", None),
        ("true", None),
        ("null", None),
        ('"9000"', None),
        ("1" + "0" * 400, None),
        ("1e400", None),
    ],
)
def test_a_total_is_a_positive_whole_number_or_it_is_not_known(sent: str, read: int | None) -> None:
    payload = b'{"nodeId":1,"status":"running","rowTotal":%s}' % sent.encode()
    assert Progress.parse(payload) == Progress(1, "", Status.RUNNING, row_total=read)


@pytest.mark.parametrize("sent", ["9000", "9000.0", "9e3"])
def test_a_count_of_any_publisher_is_a_whole_number_however_it_is_written(sent: str) -> None:
    payload = b'{"nodeId":1,"status":"running","rowCount":%s}' % sent.encode()
    assert Progress.parse(payload) == Progress(1, "", Status.RUNNING, 9_000)


@pytest.mark.parametrize("sent", ["7", "7.0", "7e0"])
def test_ids_and_sequence_numbers_are_whole_numbers_however_they_are_written(sent: str) -> None:
    payload = b'{"nodeId":%s,"status":"running","seq":%s}' % (sent.encode(), sent.encode())
    assert Progress.parse(payload) == Progress(7, "", Status.RUNNING, seq=7)


@pytest.mark.parametrize("node_id", [2**53, -(2**53), -2793536196498819715, 2**64])
def test_a_node_that_no_page_could_show_is_refused(node_id: int) -> None:
    """As one that is named by hash(): its progress was taken, and each page dropped it without a word."""
    with pytest.raises(MalformedProgress, match="nodeId must be a whole number"):
        Progress.parse(b'{"nodeId":%d,"status":"running"}' % node_id)
    with pytest.raises(MalformedProgress, match="node_id must be a whole number"):
        usable(Progress(node_id, "Load", Status.RUNNING))


@pytest.mark.parametrize(
    "sent", ["9000.5", "1e19", "1" + "0" * 24, "-1" + "0" * 24, "1e400", "true"]
)
def test_a_count_that_is_no_whole_number_of_64_bits_is_refused(sent: str) -> None:
    payload = b'{"nodeId":1,"status":"running","rowCount":%s}' % sent.encode()
    with pytest.raises(MalformedProgress, match="rowCount must be a whole number of 64 bits"):
        Progress.parse(payload)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("1795485530.9", 1_795_485_530.9),
        ("7", 7),
        ("1795485530900", None),
        ("-1", None),
        ("1e300", None),
    ],
)
def test_a_time_is_in_seconds_or_it_is_not_known(sent: str, read: float | None) -> None:
    """Milliseconds, as JavaScript has them, were a year that no calendar of ours has: a run of such a node never ended."""
    payload = b'{"nodeId":1,"status":"running","ts":%s}' % sent.encode()
    assert Progress.parse(payload) == Progress(1, "", Status.RUNNING, ts=read)


@pytest.mark.parametrize(
    ("given", "read"),
    [(0, 0.0), (0.43, 0.43), (1, 1.0), (1.01, None), (-0.1, None), (True, None), ("0.5", None)],
)
def test_a_share_is_a_number_from_0_to_1_or_it_is_not_known(given: Any, read: float | None) -> None:
    payload = json.dumps({"nodeId": 1, "status": "running", "share": given}).encode()
    assert Progress.parse(payload) == Progress(1, "", Status.RUNNING, share=read)
    assert usable(Progress(1, "", Status.RUNNING, share=given)).share == read


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (9, 9),
        (9.0, 9),
        (Decimal(9), 9),
        (0, None),
        (-1, None),
        (2**63, None),
        (9.5, None),
        ("9", None),
        (True, None),
        (float("inf"), None),
        (None, None),
    ],
)
def test_a_program_may_give_any_total_and_only_a_usable_one_is_sent(
    given: Any, sent: int | None
) -> None:
    progress = usable(Progress(1, "Load", Status.RUNNING, row_total=given))
    assert progress.row_total == sent
    assert type(progress.row_total) is type(sent)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"\xff\xfe", "not JSON"),
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"nodeId": NaN}', "NaN is not JSON"),
        (json.dumps({**FIVE, "nodeId": "1"}).encode(), "nodeId must be a whole number"),
        (json.dumps({**FIVE, "nodeId": True}).encode(), "nodeId must be a whole number"),
        (json.dumps({**FIVE, "status": "dancing"}).encode(), "status must be"),
        (json.dumps({**FIVE, "status": ["running"]}).encode(), "status must be"),
        (json.dumps({**FIVE, "rowCount": "many"}).encode(), "rowCount must be a whole number"),
        (b'{"nodeId":1,"status":"running","mine":"\xff"}', "not JSON"),
        (b'{"nodeId":1,"status":"running","mine":NaN}', "NaN is not JSON"),
        (b'{"nodeId":1,"status":"running"} x', "not JSON"),
    ],
)
def test_a_malformed_payload_says_what_is_wrong(payload: bytes, words: str) -> None:
    with pytest.raises(MalformedProgress, match=words):
        Progress.parse(payload)


@pytest.mark.parametrize("bad", ["", "a.b", "*", ">", "a b", "a\r\nPUB x", "x" * 65, None, 5, "é"])
def test_an_id_that_would_change_the_subject_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        check_id(bad)


@pytest.mark.parametrize("bad", ["", "a..b", "a.*", "a.>", "a b", "a\r\nPUB x 0\r\n"])
def test_a_subject_that_would_inject_a_command_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="token"):
        check_subject(bad)


def test_the_subject_is_the_contract() -> None:
    assert progress_subject("default", 42) == "tenant.default.job.42.progress"
