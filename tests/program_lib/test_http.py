"""Rows of HTTP services, from a real one: pages, values, retries, and what goes wrong with them elsewhere."""

from __future__ import annotations

import gzip
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from urllib3 import HTTPHeaderDict

from program_lib.errors import ProgramError, RowRefused
from program_lib.http_service import by_cursor, by_link, by_offset, by_page, find_types, read_http
from program_lib.http_service.answer import Answer
from program_lib.http_service.come_back import seconds_until
from program_lib.http_service.patience import Patience, Temporary
from program_lib.http_service.reader import HttpReader
from program_lib.network.urls import parse_url
from program_lib.notation.json_paths import parse_path
from program_lib.types import Schema
from tests.harness import eventually
from tests.programs import chain, graph, node, outcome, run, start
from tests.servers.http_service import Reply, Request, Service, link, service

QUICK = Patience(first=0.001, most=0.002)


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service(lambda request: []) as made:
        yield made


@pytest.fixture
def api(running: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that programs may ask; a test says what it answers."""
    monkeypatch.setenv("HTTP_INPUT_HOSTS", running.host)
    running.asked.clear()
    running.answer = lambda request: []
    return running


def reader(api: Service, path: str = "/orders", **how: Any) -> HttpReader:
    made = read_http(f"{api.url}{path}", **how)
    made._patience = QUICK
    return made


def read(made: HttpReader) -> tuple[Schema, list[dict[str, Any]]]:
    """The columns and all rows."""
    try:
        schema = made.open()
        tables = [schema.arrow().empty_table(), *made.batches()]
        return schema, pa.concat_tables(tables).to_pylist()
    finally:
        made.close()


def rows_in(made: HttpReader) -> list[dict[str, Any]]:
    return read(made)[1]


def ids(made: HttpReader) -> list[str]:
    return [row["id"] for row in rows_in(made)]


def numbered(*numbers: int) -> list[dict[str, int]]:
    return [{"id": number} for number in numbers]


def in_turn(*answers: Any) -> Callable[[Request], Any]:
    """Answers one after another; the last one again and again."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


# ---------------------------------------------------------------- pages


def test_one_page_is_all_there_is_without_paging(api: Service) -> None:
    api.answer = lambda request: Reply(numbered(1, 2), headers=link("/more"))
    assert ids(reader(api)) == ["1", "2"]
    assert api.targets == ["/orders"]


@pytest.mark.parametrize("last", [{}, {"next": None}, {"next": ""}, {"next": False}])
def test_links_in_answers_are_followed_to_the_last_page(api: Service, last: Any) -> None:
    pages = {
        "/orders": {"d": numbered(1, 2), "next": f"{api.url}/orders?at=2"},
        "/orders?at=2": {"d": [], "next": "?at=3"},  # none on this one, and more behind it
        "/orders?at=3": {"d": numbered(3), **last},
    }
    api.answer = lambda request: pages[request.target]
    made = reader(api, rows="d", paging=by_link("next"))
    assert ids(made) == ["1", "2", "3"]
    assert made.told() == "from 3 pages"
    assert [made.where(number) for number in (1, 2, 3)] == ["page 1, row 1", "page 1, row 2", "page 3, row 1"]  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        '<{next}>; rel="next"',
        '<{next}>;rel=next',
        '</first>; rel="first", <{next}>; title="a, b; c"; REL="NEXT"',
        '<{next}>; rel="last next", </x>; rel="prev"',
        '</x,y;z>; rel="prev", <{next}>; rel=next',
    ],
)  # fmt: skip
def test_links_in_the_header_are_followed(api: Service, header: str) -> None:
    def answer(request: Request) -> Reply:
        if request.parameter("page") == "2":
            return Reply(numbered(2), headers={"Link": '</orders>; rel="first"'})
        return Reply(numbered(1), headers={"Link": header.format(next="/orders?page=2")})

    api.answer = answer
    assert ids(reader(api, paging=by_link())) == ["1", "2"]


def test_an_address_in_a_header_may_be_utf_8(api: Service) -> None:
    """Another page was asked for, of ?q=Ã¼, which has other rows or none."""
    raw = "/orders?q=ü".encode().decode("latin-1")  # as the server under the tests writes headers

    def answer(request: Request) -> Reply:
        if request.target == "/orders":
            return Reply(status=302, headers={"Location": raw})
        if "page" not in request.target:
            return Reply(numbered(1), headers=link(f"{raw}&page=2"))
        return Reply(numbered(2))

    api.answer = answer
    assert ids(reader(api, paging=by_link())) == ["1", "2"]
    assert api.targets == ["/orders", "/orders?q=%C3%BC", "/orders?q=%C3%BC&page=2"]


def test_a_cursor_goes_into_the_query_escaped_and_in_place_of_the_old_one(api: Service) -> None:
    pages = {None: ("a/b &c=", [1]), "a/b &c=": (7, [2]), "7": (None, [3])}

    def answer(request: Request) -> Any:
        cursor, found = pages[request.parameter("after")]
        return {"meta": {"after": cursor}, "items": numbered(*found)}

    api.answer = answer
    made = reader(
        api, "/o?limit=1", rows="items", paging=by_cursor("meta.after", parameter="after")
    )
    assert ids(made) == ["1", "2", "3"]
    assert api.targets == ["/o?limit=1", "/o?limit=1&after=a%2Fb%20%26c%3D", "/o?limit=1&after=7"]


def test_the_last_rows_id_may_be_the_cursor(api: Service) -> None:
    """As with Stripe: more rows come after the last one that was seen."""

    def answer(request: Request) -> Any:
        after = int(request.parameter("starting_after") or 0)
        return {"data": numbered(*range(after + 1, min(after + 3, 6)))}

    api.answer = answer
    made = reader(api, rows="data", paging=by_cursor("data[-1].id", parameter="starting_after"))
    assert ids(made) == ["1", "2", "3", "4", "5"]


def test_a_member_whose_name_has_a_point_is_found(api: Service) -> None:
    api.answer = in_turn(
        {"value": numbered(1), "@odata.nextLink": "/2"}, {"value": numbered(2)}
    )  # fmt: skip
    assert ids(reader(api, rows="value", paging=by_link("@odata.nextLink"))) == ["1", "2"]


def pages_of(rows: Sequence[Any], size: int) -> Callable[[Request], Any]:
    """A service that gives at most so many rows a page, whatever it is asked for."""

    def answer(request: Request) -> Any:
        page, offset = request.parameter("page"), request.parameter("offset")
        start = int(offset) if offset is not None else (int(page or 1) - 1) * size
        return {"data": rows[start : start + size], "total": len(rows)}

    return answer


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6])
@pytest.mark.parametrize("paging", [by_page("page", first=1), by_offset("offset")])
def test_counted_pages_end_with_one_without_rows(api: Service, paging: Any, count: int) -> None:
    """Not with a short one: a service may give fewer rows than it is asked for."""
    api.answer = pages_of(numbered(*range(count)), 2)
    found = ids(reader(api, "/o?limit=1000", rows="data", paging=paging, types={"id": "text"}))
    assert found == [str(number) for number in range(count)]
    assert len(api.asked) == -(-count // 2) + 1


@pytest.mark.parametrize("paging", [by_page("page", first=1), by_offset("offset")])
def test_a_total_spares_the_page_behind_the_last_one_and_tells_how_far_it_is(
    api: Service, paging: Any
) -> None:
    api.answer = pages_of(numbered(1, 2, 3, 4), 2)
    made = reader(api, rows="data", paging=paging, total="total")
    made.open()
    batches = made.batches()
    shares = []
    for _ in range(2):
        next(batches)
        shares.append(made.share())
    assert next(batches, None) is None
    assert shares == [0.5, 1.0]
    assert len(api.asked) == 2
    made.close()


def test_a_total_that_is_not_what_came_fails(api: Service) -> None:
    """A row that is deleted while pages are read moves another one to a page that was read already."""
    api.answer = in_turn(
        {"data": numbered(1, 2), "total": 4}, {"data": numbered(4), "total": 3}, {"data": [], "total": 4}
    )  # fmt: skip
    made = reader(api, rows="data", paging=by_page("page", first=0), total="total")
    assert ids(made) == ["1", "2", "4"]  # the total follows what the service says
    api.answer = in_turn({"data": numbered(1, 2), "total": 4}, {"data": [], "total": 4})
    made = reader(api, rows="data", paging=by_offset("offset"), total="total")
    with pytest.raises(ProgramError, match=r"4 rows, and its 2 pages have 2: .*Run it again"):
        ids(made)


@pytest.mark.parametrize("total", [None, "many", -1, 1.5, [4]])
def test_a_total_that_is_no_number_is_told(api: Service, total: Any) -> None:
    api.answer = lambda request: {"data": numbered(1), "total": total}
    with pytest.raises(ProgramError, match=r"page 1: total is .* expected"):
        ids(reader(api, rows="data", total="total"))


@pytest.mark.parametrize(
    ("paging", "told"),
    [
        (by_link("next"), "page 3: it was asked for before"),
        (by_cursor("next", parameter="c"), "page 3: it was asked for before"),
        (by_page("page", first=1), "page 2: it has the same rows as the page before"),
        (by_offset("offset"), "page 2: it has the same rows as the page before"),
    ],
)
def test_a_service_that_gives_the_same_page_again_is_found_out(
    api: Service, paging: Any, told: str
) -> None:
    api.answer = lambda request: {"data": numbered(1, 2), "next": "/orders?again=1"}
    with pytest.raises(ProgramError, match=told):
        ids(reader(api, rows="data", paging=paging))
    assert len(api.asked) == 2


def test_a_page_without_rows_whose_cursor_is_the_old_one_is_the_end(api: Service) -> None:
    """As of services that give a cursor with each answer, to come back with tomorrow."""
    api.answer = in_turn(
        {"data": numbered(1), "next": "b"}, {"data": numbered(2), "next": "c"}, {"data": [], "next": "c"}
    )  # fmt: skip
    assert ids(reader(api, rows="data", paging=by_cursor("next", parameter="c"))) == ["1", "2"]


def test_pages_without_end_have_a_bound(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("program_lib.http_service.reader.MAX_PAGES", 3)
    api.answer = lambda request: {"data": [{"id": request.target}]}
    with pytest.raises(ProgramError, match=r"page 4: the service does not end; .* 3 pages"):
        ids(reader(api, rows="data", paging=by_page("page", first=1)))


@pytest.mark.parametrize("paging", [by_link("next"), by_page("page", first=1)])
def test_a_service_may_say_itself_that_there_is_no_more(api: Service, paging: Any) -> None:
    """As Paddle does, whose last page has a link to itself."""
    api.answer = in_turn(
        {"d": numbered(1), "next": "/2", "more": True}, {"d": numbered(2), "next": "/2", "more": False}
    )  # fmt: skip
    assert ids(reader(api, rows="d", paging=paging, more="more")) == ["1", "2"]
    assert len(api.asked) == 2
    api.answer = in_turn({"d": numbered(1), "next": "/2", "more": "no"})
    with pytest.raises(ProgramError, match="page 1: more is a text, where true or false was expected"):  # fmt: skip
        ids(reader(api, rows="d", paging=paging, more="more"))
    with pytest.raises(ProgramError, match=r"has no member 'gone'; .* true or false was expected"):
        ids(reader(api, rows="d", paging=paging, more="gone"))


@pytest.mark.parametrize(
    "paging", [by_link("next"), by_cursor("next", parameter="c"), by_link(), None]
)
def test_a_service_that_says_there_is_more_and_not_where_fails_the_run(
    api: Service, paging: Any
) -> None:
    """The rows behind the page were missing, without a word, as where Next is misspelt."""
    api.answer = in_turn({"d": numbered(1), "more": True}, {"d": [], "more": True})
    with pytest.raises(ProgramError, match=r"page 1: more is true, .* nothing says which"):
        ids(reader(api, rows="d", paging=paging, more="more"))


@pytest.mark.parametrize(
    ("paging", "page"),
    [(by_offset("o"), 2), (by_cursor("next", parameter="c"), 2), (by_page("p", first=1), 4)],
)
def test_a_service_that_says_for_ever_that_there_is_more_fails_the_run(
    api: Service, paging: Any, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where More names what is true in each answer: it was asked for a hundred thousand pages."""
    monkeypatch.setattr("program_lib.http_service.reader.MAX_WITHOUT_ROWS", 2)
    told = {"more": True, "next": "same"}
    answers = iter([{"d": numbered(1), **told}])
    api.answer = lambda request: next(answers, {"d": [], **told})
    with pytest.raises(ProgramError, match=rf"page {page}: more is true, .* no rows"):
        ids(reader(api, rows="d", paging=paging, more="more"))


def test_cursors_may_give_any_number_of_pages_without_rows(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a service that filters the rows of a page after it has cut it."""
    monkeypatch.setattr("program_lib.http_service.reader.MAX_WITHOUT_ROWS", 2)
    empty = [{"d": [], "next": f"c{number}", "more": True} for number in range(5)]
    api.answer = in_turn(*empty, {"d": numbered(1), "more": False})
    paging = by_cursor("next", parameter="c")
    assert ids(reader(api, rows="d", paging=paging, more="more")) == ["1"]


def test_more_counts_above_a_total_that_the_service_caps(api: Service) -> None:
    """As Elasticsearch does: the rows behind the capped total were missing without a word."""
    api.answer = in_turn(
        {"d": numbered(1), "n": 1, "more": True}, {"d": numbered(2), "n": 1, "more": False}
    )
    with pytest.raises(ProgramError, match="there are 1 rows, and its 2 pages have 2"):
        ids(reader(api, rows="d", paging=by_page("p", first=1), total="n", more="more"))


@pytest.mark.parametrize("last", [{"d": numbered(2), "n": 2}, {"d": [], "more": None}])
def test_the_last_of_counted_pages_need_not_say_that_there_is_no_more(
    api: Service, last: dict[str, Any]
) -> None:
    """Services leave out what is false."""
    api.answer = in_turn({"d": numbered(1), "n": 2, "more": True}, last)
    total = "n" if "n" in last else None
    made = reader(api, rows="d", paging=by_page("p", first=1), total=total, more="more")
    assert ids(made) == ["1", "2"][: 1 + len(last["d"])]


def test_counted_pages_go_on_over_one_without_rows_where_the_service_says_that_there_are_more(
    api: Service,
) -> None:
    """As where what somebody may not see is taken out of each page."""
    pages = [{"d": numbered(1), "more": True}, {"d": [], "more": True}, {"d": numbered(2), "more": True}, {"d": []}]  # fmt: skip
    api.answer = lambda request: pages[int(request.parameter("page") or 0)]
    made = reader(api, rows="d", paging=by_page("page", first=0), more="more")
    assert ids(made) == ["1", "2"]
    assert len(api.asked) == 4


@pytest.mark.parametrize("paging", [by_link("next"), by_link(), by_page("page", first=1)])
def test_an_answer_without_content_ends_pages_and_need_say_nothing(
    api: Service, paging: Any
) -> None:
    api.answer = lambda request: Reply(status=204, headers=link("/more"))
    how: dict[str, Any] = {"paging": paging, "types": {"id": "text"}}
    assert ids(reader(api, more="more", total="total", **how)) == []


def test_a_connection_may_have_a_parameter_several_times_and_a_path_another_url_in_its_query(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the last one was asked: rows of the others were missing."""
    monkeypatch.setenv("CONNECTION_SHOP", f"{api.url}/v1?status=open&status=paid&x=1")
    made = read_http("/orders?status=all&for=https://h.example/", connection="SHOP", types={"id": "text"})  # fmt: skip
    assert ids(made) == []
    assert api.targets == ["/v1/orders?for=https://h.example/&status=open&status=paid&x=1"]


@pytest.mark.parametrize("cursor", [{"a": 1}, [1], True])
def test_a_cursor_that_is_none_is_told(api: Service, cursor: Any) -> None:
    api.answer = lambda request: {"data": numbered(1), "next": cursor}
    with pytest.raises(ProgramError, match=r"page 1: next is .*a text or a number was expected"):
        ids(reader(api, rows="data", paging=by_cursor("next", parameter="c")))


# ---------------------------------------------------------------- columns and values


def test_columns_are_the_members_of_the_first_page_that_has_rows(api: Service) -> None:
    api.answer = in_turn(
        {"d": [], "next": "/2"}, {"d": [{"a": 1}, {"b": 2}], "next": "/3"}, {"d": [{"b": 3}]}
    )
    schema, rows = read(reader(api, rows="d", paging=by_link("next"), types={"c": "date"}))
    assert schema.names == ["a", "b", "c"]
    assert [list(row.values()) for row in rows] == [["1", None, None], [None, "2", None], [None, "3", None]]  # fmt: skip


def test_a_member_that_comes_later_is_refused_with_its_row_or_ignored(api: Service) -> None:
    api.answer = lambda request: in_pages[request.target]
    in_pages = {
        "/orders": {"d": numbered(1), "next": "/2"},
        "/2": {"d": [{"id": 2}, {"id": 3, "new": 1}]},
    }
    how: dict[str, Any] = {"rows": "d", "paging": by_link("next")}
    with pytest.raises(ProgramError, match=r"page 2, row 2 has a member 'new', which the rows of the first page have not"):  # fmt: skip
        ids(reader(api, **how))
    assert ids(reader(api, **how, others="ignore")) == ["1", "2", "3"]
    assert [row["new"] for row in rows_in(reader(api, **how, types={"new": "integer"}))] == [None, None, 1]  # fmt: skip


def test_no_rows_and_no_types_tell_no_columns(api: Service) -> None:
    with pytest.raises(ProgramError, match="tells no columns"):
        read(reader(api))
    assert read(reader(api, types={"id": "integer"}))[0].names == ["id"]


def test_numbers_are_exact(api: Service) -> None:
    api.answer = lambda request: Reply(
        '[{"i": 9223372036854775807, "n": 0.1000000000000000055511151231257827, "d": 1e400, "e": 1.5e3},'
        ' {"i": -9223372036854775808, "n": 123456789012345678901234567890.5, "d": 1, "e": 0}]'
    )
    types = {"i": "integer", "n": "numeric", "e": "integer"}
    first, second = rows_in(reader(api, types=types))
    assert (first["i"], second["i"]) == (2**63 - 1, -(2**63))
    assert first["n"] == "0.1000000000000000055511151231257827"
    assert second["n"] == "123456789012345678901234567890.5"
    assert (first["d"], first["e"]) == ("1e400", 1500)


@pytest.mark.parametrize(
    ("row", "of", "told"),
    [
        ('{"v": 9223372036854775808}', "integer", "does not fit into 64 bits"),
        ('{"v": 1.5}', "integer", "is not a whole number"),
        ('{"v": 1e400}', "double", "beyond what a double can hold"),
        ('{"v": {"a": 1}}', "date", "is not a date"),
    ],
)
def test_a_value_that_has_not_its_type_is_refused_with_its_place(
    api: Service, row: str, of: str, told: str
) -> None:
    api.answer = lambda request: Reply(f'[{{"v": null}}, {row}]')
    made = reader(api, types={"v": of})
    made.open()
    with pytest.raises(RowRefused, match=told) as refused:
        next(made.batches())
    assert made.where(refused.value.index + 1) == "page 1, row 2"
    made.close()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('[{"v": NaN}]', "page 1.* is no JSON"),
        ('[{"v": 1, "v": 2}]', "page 1, row 1 has two members that are called 'v'"),
        ('[{"v": 1}, 2]', "page 1, row 2 is no JSON object"),
        ('[["v"]]', "page 1, row 1 is no JSON object"),
        ('[{"v": ' + "[" * 100_000 + "]" * 100_000 + "}]", "page 1.* is nested too deeply"),
        ("[" * 100_000, "page 1"),
        ('{"d": [1], "d": [2]}', r"page 1.*two members that are called 'd'"),
        ('[{"v": 1}, nul]', "page 1.* is no JSON"),
        ('[{"v": 1}] 2', "page 1.* is no JSON"),
        ("<html>Please log in</html>", r"page 1: \$ is no JSON, where a list of rows was expected: the answer begins '<html>"),
        ("", "page 1: .*nothing, where a list of rows was expected"),
        ('{"error": "quota", "code": 7}', "is an object with error, code, where a list of rows was expected: Rows names"),
        ("null, 1", "no JSON"),
        (b'[{"v": "\xff"}]', "0xff, which is not UTF-8"),
        ("[{}]".encode("utf-16"), "not UTF-8"),
        (Reply(b"\x0b\x08\x80[{}]\x03", headers={"Content-Encoding": "br"}), "page 1: the answer is packed by 'br', though gzip was asked for"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_objects_says_what_it_is_and_where(
    api: Service, body: str | bytes | Reply, told: str
) -> None:
    api.answer = lambda request: body if isinstance(body, Reply) else Reply(body)
    with pytest.raises(ProgramError, match=told):
        rows_in(reader(api))


def test_an_error_in_an_answer_of_200_is_no_page(api: Service) -> None:
    api.answer = in_turn({"d": numbered(1), "next": "/2"}, {"errors": ["too many"], "next": "/3"})
    with pytest.raises(ProgramError, match=r"page 2: \$ has no member 'd'; it has errors, next: Rows names"):  # fmt: skip
        ids(reader(api, rows="d", paging=by_link("next")))


@pytest.mark.parametrize(
    "reply",
    [
        Reply('\ufeff[{"id": "ü"}]\r\n'),
        Reply(gzip.compress('[{"id": "ü"}]'.encode()), headers={"Content-Encoding": "gzip"}),
        Reply('[{"id": "\\u00fc"}]', headers={"Content-Type": "text/plain"}),
        Reply(iter([b'[{"id": "\xc3', b'\xbc"}]'])),
    ],
)
def test_answers_come_in_several_forms(api: Service, reply: Reply) -> None:
    api.answer = lambda request: reply
    assert ids(reader(api)) == ["ü"]


def test_null_and_204_are_no_rows(api: Service) -> None:
    for reply in (Reply({"d": None}), Reply(status=204)):
        api.answer = in_turn(reply)
        assert rows_in(reader(api, rows="d", types={"id": "text"})) == []


def test_types_are_found_in_the_first_page_that_has_rows(api: Service) -> None:
    api.answer = lambda request: [{"n": 1, "p": 1.5, "day": "2026-01-31", "code": "007", "o": {}}]
    found = find_types(f"{api.url}/orders")
    assert [(column.name, str(column.type)) for column in found] == [
        ("n", "integer"), ("p", "numeric"), ("day", "date"), ("code", "text"), ("o", "text"),
    ]  # fmt: skip
    assert len(api.asked) == 1


# ---------------------------------------------------------------- asking again


def test_a_busy_service_is_asked_again(api: Service) -> None:
    said: list[str] = []
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=5), usegmt=True)
    api.answer = in_turn(
        Reply("slow down", 429, {"Retry-After": "0"}), Reply(status=503, headers={"Retry-After": date}),
        Reply("oops", 500), Reply(status=502, headers={"Retry-After": "soon"}), numbered(1)
    )  # fmt: skip
    made = reader(api)
    made.hear(said.append)
    assert ids(made) == ["1"]
    assert len(api.asked) == 5
    assert said[0] == (
        f"Waits 0 s: page 1: {api.url}/orders answers 429: 'slow down' (try 2 of 6 follows)"
    )


@pytest.mark.parametrize("after", [None, 0.0, 1.0, 20.0])
def test_a_service_that_names_no_wait_or_one_that_is_over_is_let_alone_all_the_same(
    after: float | None,
) -> None:
    """A time of Retry-After that is over by our clock is 0 seconds; its clock may be behind."""

    def busy() -> None:
        raise Temporary("busy", after)

    waits: list[float] = []
    with pytest.raises(ProgramError, match="busy, 6 times in turn"):
        Patience().tried(busy, lambda message: None, waits.append)
    least = [0.5, 1, 2, 4, 8]
    assert all(waited >= max(one, after or 0) for waited, one in zip(waits, least, strict=True))
    assert sum(waits) <= 5 * (after or 0) + 31


def test_a_program_says_that_it_waits_and_a_signal_ends_the_wait(
    api: Service, tmp_path: Path
) -> None:
    api.answer = lambda request: Reply(status=429, headers={"Retry-After": "500"})
    document = chain(node(1, "http_input", url=api.url), node(2, "csv_output", path="out.csv"))
    program = start(document, tmp_path, HTTP_INPUT_HOSTS=api.host)
    progress = tmp_path / "progress.jsonl"
    eventually(lambda: progress.exists() and "Waits 500 s: page 1: " in progress.read_text())
    program.terminate()
    assert outcome(program, tmp_path).code == 128 + signal.SIGTERM
    assert len(api.asked) == 1


def test_bad_rows_are_rejected_with_their_page(api: Service, tmp_path: Path) -> None:
    api.answer = in_turn(
        {"d": [{"id": 1}, {"id": "x"}], "next": "/2"}, {"d": [{"id": [2]}, {"id": 3}]}
    )
    types = [{"column": "id", "type": "integer"}]
    nodes = [
        node(1, "http_input", url=api.url, rows="d", paging="link", next="next", types=types),
        node(2, "csv_output", path="good.csv"),
        node(3, "csv_output", path="bad.csv"),
    ]
    done = run(graph(nodes, [(1, 2), (1, 3, "rejected")]), tmp_path, HTTP_INPUT_HOSTS=api.host)
    assert done.code == 0, done.stderr
    assert (tmp_path / "good.csv").read_text() == "id\n1\n3\n"
    bad = (tmp_path / "bad.csv").read_text().splitlines()[1:]
    assert bad == [
        "x,'x' is not a whole number,id,2,\"page 1, row 2\"",
        "[2],'[2]' is not a whole number,id,3,\"page 2, row 1\"",
    ]
    assert done.last(1)["message"] == "2 rows read from 2 pages, 2 rejected"


@pytest.mark.parametrize(
    ("status", "headers"), [(408, {}), (425, {}), (403, {"Retry-After": "0"}), (413, {"Retry-After": "0"})]
)  # fmt: skip
def test_what_is_refused_for_now_is_asked_for_again(
    api: Service, status: int, headers: dict[str, str]
) -> None:
    """GitHub limits by 403, and says when to come back; gateways answer 408 for a request that waited for another."""
    api.answer = in_turn(Reply("not now", status, headers), numbered(1))
    assert ids(reader(api)) == ["1"]


NOW = 1_800_000_000.25


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000060"}, 61),  # GitHub
        (429, {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1799999000"}, 0),  # Okta, over
        (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": "1800003600"}, 3_601),  # GitLab
        (429, {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "83"}, 83),  # Reddit
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000060500"}, 62),  # ms
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9", "Retry-After": "5"}, 5),
        (403, {"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "1800000060"}, None),  # no right
        (403, {"X-RateLimit-Remaining": "0"}, None),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-30T10:00Z"}, None),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "-1"}, None),
        (429, {"X-RateLimit-Remaining": "nan", "X-RateLimit-Reset": "inf"}, None),
        (404, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000060"}, None),
        (500, {"Retry-After": "5"}, None),
    ],
)
def test_a_limit_that_is_used_up_says_when_there_is_more(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], seconds: int | None
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    assert seconds_until(status, HTTPHeaderDict(headers)) == seconds


def test_a_limit_that_is_used_up_is_waited_for(api: Service) -> None:
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}
    api.answer = in_turn(Reply("API rate limit exceeded", 403, limit), numbered(1))
    assert ids(reader(api)) == ["1"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_what_the_service_refuses_is_not_asked_again(api: Service, status: int) -> None:
    api.answer = in_turn(
        {"d": numbered(1), "next": "/2"}, Reply({"message": "token expired"}, status)
    )
    with pytest.raises(ProgramError, match=f"page 2: .*/2 answers {status}: .*token expired"):
        ids(reader(api, rows="d", paging=by_link("next")))
    assert len(api.asked) == 2


def test_it_is_given_up_in_the_end(api: Service) -> None:
    api.answer = lambda request: Reply("down", 503)
    with pytest.raises(ProgramError, match=r"page 1: .* answers 503: 'down', 6 times in turn"):
        ids(reader(api))
    assert len(api.asked) == 6
    api.answer = lambda request: Reply(status=429, headers={"Retry-After": "86400"})
    with pytest.raises(ProgramError, match=r"again in 86,400 seconds: at most 600 are waited"):
        ids(reader(api))


def test_a_connection_that_breaks_is_made_again(api: Service) -> None:
    cut = Reply('[{"id"', headers={"Content-Length": "1000", "Connection": "close"})
    api.answer = in_turn(cut, cut, numbered(1))
    assert ids(reader(api)) == ["1"]
    assert len(api.asked) == 3


CUT = '{"d": [{"id": 1, "é": "\\ud83d\\ude00", "n": -1.5e3, "b": true, "o": [[null], {}]}], "c": "a"}'.encode()


@pytest.mark.parametrize(
    "cut",
    [
        Reply(CUT[:-1]),  # by a program that died in the midst of it, behind a proxy that did not
        Reply(iter([CUT[:-20]])),
        Reply(iter([])),
        Reply(gzip.compress(CUT)[:-12], headers={"Content-Encoding": "gzip"}),
        Reply(iter([gzip.compress(CUT)[:30]]), headers={"Content-Encoding": "gzip"}),
        Reply(iter([gzip.compress(CUT)[:5]]), headers={"Content-Encoding": "gzip"}),
    ],
)
def test_an_answer_that_ends_before_its_json_does_is_asked_for_again(
    api: Service, cut: Reply
) -> None:
    """Without a length nothing else tells that the connection broke; who packs an answer seldom gives one."""
    api.answer = in_turn(cut, Reply(CUT))
    assert ids(reader(api, rows="d")) == ["1"]
    assert len(api.asked) == 2


@pytest.mark.parametrize(("whole", "rows"), [(CUT, "d"), (CUT[6:-11], "")])
def test_an_answer_may_end_anywhere_in_its_json(whole: bytes, rows: str) -> None:
    """In a number, too, or in half of a character."""
    url, path = parse_url("http://api.example/"), parse_path(rows)
    assert len(Answer(url, 200, whole).rows(path)) == 1
    for end in range(len(whole)):
        answer = Answer(url, 200, whole[:end])
        with pytest.raises(Temporary):
            answer.check_utf8()
            answer.rows(path)
            pytest.fail(str(whole[:end]))


def test_an_answer_that_always_ends_early_says_so(api: Service) -> None:
    api.answer = lambda request: Reply(CUT[:20])
    told = r"page 1: the answer of .*/orders ends after 20 bytes, in the midst of its JSON, 6 times in turn"
    with pytest.raises(ProgramError, match=told):
        ids(reader(api, rows="d"))


def test_a_service_that_is_not_there_says_so(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(lambda request: []) as gone:
        pass
    monkeypatch.setenv("HTTP_INPUT_HOSTS", gone.host)
    with pytest.raises(ProgramError, match=r"page 1: .*/orders cannot be read: Connection refused, 6 times in turn"):  # fmt: skip
        ids(reader(gone))


def test_one_connection_serves_all_pages(api: Service) -> None:
    api.answer = pages_of(numbered(*range(5)), 1)
    made = reader(api, rows="data", paging=by_offset("offset"))
    made.open()
    assert made._client is not None
    first = made._client._connection  # type: ignore[attr-defined]
    assert len(list(made.batches())) == 5
    assert made._client._connection is first  # type: ignore[attr-defined]
    made.close()
