"""Objects of a store as files: read and written as those on disk, and what goes wrong with a store."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.graph.documents.unchecked import password_errors
from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from program_lib.csv_files import read_csv, write_csv
from program_lib.errors import ProgramError
from program_lib.excel_files import read_excel, write_excel
from program_lib.files import data_files
from program_lib.files.data_files import opened
from program_lib.files.many_files.matching import matching
from program_lib.ndjson_files import read_ndjson, write_ndjson
from program_lib.parquet_files import read_parquet, write_parquet
from program_lib.ports import Reader, Writer
from program_lib.process.secrets import SECRETS, hidden
from program_lib.stores import objects
from program_lib.stores import store as stores
from program_lib.stores.objects import StoredPart, stored
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.program_lib.moving import moved, say
from tests.programs import ROOT, chain, graph, node, run
from tests.servers.http_service import Reply, service
from tests.servers.object_store import (
    KEY,
    LOST,
    QUOTED,
    SECRET,
    ObjectStore,
    faulty_store,
    object_store,
)

SCHEMA = Schema([Column("k", TEXT), Column("n", INTEGER)])
BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
ROWS = [("a", 1), ("b", 2), ("a", 3)]


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with object_store() as made:
        yield made


@pytest.fixture
def lake(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A store without objects, which is the connection LAKE."""
    server.clear()
    connect(monkeypatch, server.url())
    return server


def connect(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CONNECTION_LAKE", url)
    monkeypatch.setattr(data_files, "_written", {})
    monkeypatch.setattr(data_files, "_read", {})
    stores.named_store.cache_clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a store that is gone waits in the way of other tests."""
    monkeypatch.setattr(stores, "ATTEMPTS", 1)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """The keys of these connections are hidden in no other test's messages."""
    before = set(SECRETS)
    yield
    SECRETS.clear()
    SECRETS.update(before)


def test_two_connections_to_one_object_are_two_outputs_of_one_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows of the one that came first were replaced, without a word."""
    connect(monkeypatch, "s3://k:s@store.example/lake/team?tls=off")
    monkeypatch.setenv("CONNECTION_ALL", "s3://k2:s2@STORE.example:80/lake?tls=off")
    monkeypatch.setenv("CONNECTION_OTHER", "s3://k:s@store.example:81/lake/team?tls=off")
    write_csv("s3://lake/x.csv")
    write_csv("s3://other/x.csv")
    for path in "s3://all/team/x.csv", "s3://LAKE/x.csv":
        with pytest.raises(ProgramError, match=r"x\.csv is written by another node, too"):
            write_csv(path)


def table(rows: list[tuple[str, int]]) -> pa.Table:
    columns = {"k": [k for k, _ in rows], "n": [n for _, n in rows]}
    return pa.table(columns, schema=SCHEMA.arrow())


def write(writer: Writer, *batches: list[tuple[str, int]]) -> None:
    try:
        writer.start(say)
        writer.open(SCHEMA)
        for rows in batches:
            writer.write(table(rows))
        writer.finish()
        writer.commit()
    finally:
        writer.undo()
        data_files._written.clear()  # what reads it is another program


def read(reader: Reader) -> list[dict[str, Any]]:
    try:
        schema = reader.open()
        tables = [schema.arrow().empty_table(), *reader.batches()]
        rows: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist()
        return rows
    finally:
        reader.close()


# ---------------------------------------------------------------- as on disk

TYPES = {"n": "integer"}
FORMS: dict[str, tuple[Callable[[str], Writer], Callable[[str], Any]]] = {
    "x.csv": (write_csv, lambda path: read_csv(path, types=TYPES)),
    "x.csv.gz": (write_csv, lambda path: read_csv(path, types=TYPES)),
    "x.csv.zst": (write_csv, lambda path: read_csv(path, types=TYPES)),
    "x.ndjson": (write_ndjson, lambda path: read_ndjson(path, types=TYPES)),
    "x.ndjson.gz": (write_ndjson, lambda path: read_ndjson(path, types=TYPES)),
    "x.parquet": (write_parquet, read_parquet),
    "x.xlsx": (write_excel, lambda path: read_excel(path, types=TYPES)),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_is_written_is_read_again(lake: ObjectStore, name: str) -> None:
    writing, reading = FORMS[name]
    path = f"s3://lake/out/{name}"
    write(writing(path), ROWS)
    assert lake.keys() == [f"out/{name}"]
    rows = read(reading(path))
    assert [(row["k"], row["n"]) for row in rows] == ROWS


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.ndjson", "x.parquet"])
def test_an_object_has_the_bytes_of_a_file(
    lake: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(data_files, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(data_files, "data_roots", lambda: (tmp_path,))
    writing, _ = FORMS[name]
    for path in (name, f"s3://lake/{name}"):
        write(writing(path), ROWS)
    assert lake.get(name) == (tmp_path / name).read_bytes()


def test_a_large_object_goes_in_parts_and_comes_by_ranges(lake: ObjectStore) -> None:
    """Three parts of 10 MB, and a last one; the reader's questions are smaller."""
    numbers = random.Random(1)
    rows = [(f"{numbers.getrandbits(4_000):x}", n) for n in range(1_000)]
    batches = [rows] * 33
    write(write_csv("s3://lake/large.csv"), *batches)
    assert len(lake.get("large.csv")) > 31 * 2**20
    found = read(read_csv("s3://lake/large.csv", types=TYPES))
    assert [(row["k"], row["n"]) for row in found] == rows * 33


def test_a_reader_tells_how_far_it_is(lake: ObjectStore) -> None:
    lake.put("x.csv", b"k,n\n" + b"a,1\n" * 10)
    reader = read_csv("s3://lake/x.csv")
    reader.open()
    assert [batch.num_rows for batch in reader.batches()] == [10]
    assert reader.share() == 1.0
    reader.close()


def test_a_pattern_means_all_objects_that_match_and_names_each_row_s(lake: ObjectStore) -> None:
    for key in ("in/a/1.csv", "in/b/2.csv", "in/3.csv", "in/.hidden.csv", "in/no.txt"):
        lake.put(key, f"n\n{len(key)}\n".encode())
    rows = read(read_csv("s3://lake/in/**/*.csv", file_column="file"))
    assert [row["file"] for row in rows] == [
        "s3://lake/in/3.csv",
        "s3://lake/in/a/1.csv",
        "s3://lake/in/b/2.csv",
    ]
    rows = read(read_csv("s3://lake/*/?.csv", file_column="file"))
    assert [row["file"] for row in rows] == ["s3://lake/in/3.csv"]
    with pytest.raises(ProgramError, match=r"no file matches s3://lake/none/\*\.csv"):
        read(read_csv("s3://lake/none/*.csv"))


def test_what_lies_behind_an_empty_part_of_a_key_is_told_and_never_taken_for_something_else(
    lake: ObjectStore,
) -> None:
    """As in in//1.csv, which programs make that join an empty name; no path of a graph leads there."""
    keys = ("/0.csv", "in//1.csv", "in/2.csv", "3.csv")
    lake.put_small(dict.fromkeys(keys, b"n\n1\n"))
    assert matching("s3://lake/in/*.csv") == ["s3://lake/in/2.csv"]
    assert matching("s3://lake/*.csv") == ["s3://lake/3.csv"]
    assert matching("s3://lake/i*/*.csv") == ["s3://lake/in/2.csv"]
    for pattern in ("in/**", "in/*/*.csv"):
        with pytest.raises(ProgramError, match="s3://lake/in has objects whose keys go on with an empty part"):  # fmt: skip
            matching(f"s3://lake/{pattern}")
    for pattern in ("**", "*/*.csv"):
        with pytest.raises(ProgramError, match="s3://lake/ has objects whose keys go on with an empty part"):  # fmt: skip
            matching(f"s3://lake/{pattern}")


def test_more_objects_than_a_page_of_a_list_has_are_all_found(lake: ObjectStore) -> None:
    lake.put_small({f"many/{number}.csv": b"n\n1\n" for number in range(1_005)})
    assert len(matching("s3://lake/many/*.csv")) == 1_005


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ({"split_by": "k"}, ["o-a.csv", "o-b.csv"]),
        ({"split_rows": 2}, ["o-0001.csv", "o-0002.csv"]),
        ({"split_mb": 1}, ["o-0001.csv"]),
    ],
)
def test_an_output_is_split_into_objects(
    lake: ObjectStore, how: dict[str, Any], names: list[str]
) -> None:
    write(write_csv("s3://lake/s/o-*.csv", **how), ROWS)
    assert lake.keys() == [f"s/{name}" for name in names]
    assert len(read(read_csv("s3://lake/s/o-*.csv"))) == len(ROWS)


def test_a_split_output_tells_of_objects_of_before(lake: ObjectStore) -> None:
    lake.put("o-z.csv", b"k,n\nz,0\n")
    writer = write_csv("s3://lake/o-*.csv", split_by="k", existing="refuse")
    with pytest.raises(ProgramError, match=r"o-z\.csv of before is there already"):
        write(writer, ROWS)
    assert lake.keys() == ["o-z.csv"]


def test_where_one_object_cannot_be_placed_those_before_it_are_put_back(
    lake: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put("o-a.csv", b"of before")
    place = StoredPart.commit

    def fails_for_b(part: StoredPart) -> None:
        if part._place.name == "o-b.csv":
            raise ProgramError("the store is full")
        place(part)

    monkeypatch.setattr(StoredPart, "commit", fails_for_b)
    with pytest.raises(ProgramError, match="the store is full"):
        write(write_csv("s3://lake/o-*.csv", split_by="k"), ROWS)
    assert lake.keys() == ["o-a.csv"]
    assert lake.get("o-a.csv") == b"of before"


def test_a_prefix_of_a_connection_is_where_all_of_it_lies(
    lake: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, lake.url("lake/team/a"))
    write(write_csv("s3://lake/x.csv"), ROWS)
    assert lake.keys() == ["team/a/x.csv"]
    assert len(read(read_csv("s3://lake/*.csv"))) == len(ROWS)


def test_what_is_written_by_another_connection_into_what_a_pattern_means_is_refused(
    lake: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a key that may read, and one that may write: each run would have the rows of those before it once more."""
    monkeypatch.setenv("CONNECTION_READS", lake.url())
    lake.put("in/a.csv", b"k,n\na,1\n")
    write_csv("s3://LAKE/in/all.csv")
    with pytest.raises(ProgramError, match=r"^all\.csv is written by a node, and is one of the"):
        read_csv("s3://READS/in/*.csv").open()
    with pytest.raises(ProgramError, match=r"s3://READS/in/\*\.csv means, which another reads"):
        write_csv("s3://LAKE/in/others.csv")
    write_csv("s3://LAKE/out/all.csv")


# ---------------------------------------------------------------- whole or not at all


def test_an_object_appears_only_at_the_end_and_that_of_before_stays_until_then(
    lake: ObjectStore,
) -> None:
    lake.put("x.csv", b"of before")
    writer = write_csv("s3://lake/x.csv")
    writer.start(say)
    writer.open(SCHEMA)
    writer.write(table(ROWS))
    assert lake.get("x.csv") == b"of before"
    writer.finish()
    assert lake.get("x.csv") == b"of before"
    writer.commit()
    writer.undo()
    assert lake.get("x.csv").startswith(b"k,n\n")
    assert lake.keys() == ["x.csv"]


@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_of_what_is_undone_nothing_stays(lake: ObjectStore, name: str, is_finished: bool) -> None:
    writing, _ = FORMS[name]
    writer: Writer = writing(f"s3://lake/deep/{name}")
    writer.start(say)
    writer.open(SCHEMA)
    writer.write(table(ROWS))
    if is_finished:
        writer.finish()
    writer.undo()
    del writer
    assert lake.keys() == []


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(lake: ObjectStore) -> None:
    lake.put("x.csv", b"k,n\n" + b"a,1\n" * 1_000_000)
    file = opened("s3://lake/x.csv")
    file.read(100)
    lake.put("x.csv", b"k,n\n" + b"b,2\n" * 1_000_000)  # within the same second, mostly
    with pytest.raises(ProgramError, match="was replaced while it was read"):
        while file.read(2**20):
            pass


def test_a_parquet_object_that_is_replaced_is_an_error_also_where_its_end_is_not_read(
    lake: ObjectStore,
) -> None:
    """Of columns that are left out nothing is asked for, and the last one may lie before the end."""

    def content(n: int) -> bytes:
        columns = {"n": [n] * 2_000, "t": ["x" * 10_000] * 2_000}
        made = io.BytesIO()
        pq.write_table(
            pa.table(columns),
            made,
            row_group_size=1_000,
            compression="none",
            use_dictionary=False,
            write_statistics=False,
        )
        return made.getvalue()

    lake.put("x.parquet", content(1))
    reader = read_parquet("s3://lake/x.parquet", columns=["n"])
    reader.open()
    try:
        tables = reader.batches()
        next(tables)
        lake.put("x.parquet", content(2))
        with pytest.raises(ProgramError, match="was replaced while it was read"):
            list(tables)
    finally:
        reader.close()


def test_an_object_is_no_larger_than_what_a_store_copies(
    lake: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MOST_BYTES", 10)
    with pytest.raises(ProgramError, match="which a store does not copy at once: split it"):
        write(write_csv("s3://lake/x.csv"), ROWS)
    assert lake.keys() == []


# ---------------------------------------------------------------- what goes wrong


def is_copy(target: str, headers: Mapping[str, str]) -> bool:
    return "x-amz-copy-source" in {name.lower() for name in headers} and ".part" not in target


def test_a_copy_whose_answer_is_lost_is_one_that_was_made(
    lake: ObjectStore, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    lake.put("o-a.csv", b"of before")
    with faulty_store(lake) as faulty:
        connect(monkeypatch, faulty.url())
        faulty.fault = lambda method, target, headers: (
            LOST if is_copy(target, headers) and "o-b.csv" in target else None
        )
        writer = write_csv("s3://lake/o-*.csv", split_by="k")
        try:
            writer.start(say)
            writer.open(SCHEMA)
            writer.write(table(ROWS))
            writer.finish()
            writer.commit()
        finally:
            writer.undo()
    assert lake.keys() == ["o-a.csv", "o-b.csv"]
    assert lake.get("o-a.csv") == b"k,n\na,1\na,3\n"
    assert lake.get("o-b.csv") == b"k,n\nb,2\n"


def test_an_object_that_was_copied_counts_though_nobody_answers_whether_it_is_there(
    lake: ObjectStore, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    """It was told as failed, and stayed beside the objects that were put back."""
    lake.put("o-b.csv", b"of before")
    copied: list[str] = []
    with faulty_store(lake) as faulty:
        connect(monkeypatch, faulty.url())

        def fault(method: str, target: str, headers: Mapping[str, str]) -> Any:
            if is_copy(target, headers) and "o-b.csv" in target:
                copied.append(target)
            return (503, BUSY) if copied and method == "HEAD" else None

        faulty.fault = fault
        write(write_csv("s3://lake/o-*.csv", split_by="k"), ROWS)
    assert copied
    assert lake.get("o-a.csv") == b"k,n\na,1\na,3\n"
    assert lake.get("o-b.csv") == b"k,n\nb,2\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, BUSY), "the store fails"),  # and what is there is of before
        ((200, BUSY), "the store fails"),
        ((200, b""), "the store says that it is there, and it is not"),
    ],
)
def test_a_copy_that_was_not_made_fails_and_leaves_what_was_there(
    lake: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    impatient: None,
    answer: tuple[int, bytes],
    said: str,
) -> None:
    lake.put("x.csv", b"of before")
    with faulty_store(lake) as faulty:
        connect(monkeypatch, faulty.url())
        faulty.fault = lambda method, target, headers: answer if is_copy(target, headers) else None
        with pytest.raises(ProgramError, match=said):
            write(write_csv("s3://lake/x.csv"), ROWS)
    assert lake.keys() == ["x.csv"]
    assert lake.get("x.csv") == b"of before"


def test_a_busy_store_is_asked_again_also_for_an_object_that_is_shorter_than_its_refusal(
    lake: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "BUSY_SECONDS", 0.001)
    lake.put("x.csv", b"k,n\na,1\n")
    busy = 2
    with faulty_store(lake) as faulty:
        connect(monkeypatch, faulty.url())

        def fault(method: str, target: str, headers: Mapping[str, str]) -> Any:
            nonlocal busy
            if method != "GET" or "x.csv" not in target:
                return None
            busy -= 1
            return (503, BUSY) if busy >= 0 else None

        faulty.fault = fault
        assert read(read_csv("s3://lake/x.csv")) == [{"k": "a", "n": "1"}]
        busy = 3
        with pytest.raises(ProgramError, match=r"s3://lake/x\.csv: the store fails"):
            read(read_csv("s3://lake/x.csv"))


def test_a_store_that_dies_in_the_middle_of_a_read_is_an_error(
    monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    with object_store() as dying:
        connect(monkeypatch, dying.url())
        dying.put("x.csv", b"k,n\n" + b"a,1\n" * 2_000_000)
        reader = read_csv("s3://lake/x.csv")
        reader.open()
        dying.kill()
        with pytest.raises(ProgramError, match=r"s3://lake/x\.csv: the store does not answer"):
            list(reader.batches())
        reader.close()


def test_a_store_that_dies_in_the_middle_of_a_write_is_an_error(
    monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    with object_store() as dying:
        connect(monkeypatch, dying.url())
        writer = write_csv("s3://lake/x.csv")
        writer.start(say)
        writer.open(SCHEMA)
        writer.write(table(ROWS))
        dying.kill()
        with pytest.raises(ProgramError, match=r"s3://lake/x\.csv: the store does not answer"):
            writer.finish()
        writer.undo()


@pytest.mark.parametrize("rejects", [False, True])
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_part_that_a_store_does_not_take_fails_the_run_and_no_row_is_tried_again(
    lake: ObjectStore, tmp_path: Path, form: str, rejects: bool
) -> None:
    """The rows were sent again by halves, and what came of that took the place of the object of before."""
    lake.put(f"x.{form}", b"of before")
    (tmp_path / "in.csv").write_text("k\n" + f"{'a' * 1_000_000}\n" * 24)
    nodes = [
        node(1, "csv_input", path="in.csv"),
        node(2, f"{form}_output", path=f"s3://lake/x.{form}"),
        node(3, "csv_output", path="bad.csv"),
    ]
    document = graph(nodes, [(1, 2), (2, 3, "rejected")]) if rejects else chain(*nodes[:2])
    refusals = iter([(500, b"<Error><Code>InternalError</Code><Message>no</Message></Error>")] * 3)
    with faulty_store(lake) as faulty:
        faulty.fault = lambda method, target, headers: (
            next(refusals, None) if "partNumber=2" in target else None
        )
        ended = run(document, tmp_path, CONNECTION_LAKE=faulty.url())
    assert f"s3://lake/x.{form}: the store fails" in ended.reason(2)
    assert lake.get(f"x.{form}") == b"of before"
    assert lake.keys() == [f"x.{form}"]
    assert not (tmp_path / "bad.csv").exists()


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("InvalidAccessKeyId", 403, "does not know the connection's key"),
        ("SignatureDoesNotMatch", 403, "refuses the connection's secret"),
        ("RequestTimeTooSkewed", 403, "refuses the time of this machine: set its clock"),
        ("AccessDenied", 403, "does not let the connection's key do that"),
    ],
)
def test_what_a_store_refuses_is_told(
    monkeypatch: pytest.MonkeyPatch, impatient: None, code: str, status: int, told: str
) -> None:
    xml = f"<Error><Code>{code}</Code><Message>no: {KEY}</Message></Error>"
    with service(lambda request: Reply(xml, status=status)) as refusing:
        port = refusing.url.rpartition(":")[2]
        connect(monkeypatch, f"s3://{KEY}:{QUOTED}@127.0.0.1:{port}/lake?tls=off")
        with pytest.raises(ProgramError, match=told) as refused:
            opened("s3://lake/x.csv")
    assert KEY not in hidden(str(refused.value))


def test_a_store_that_is_not_there_is_told_before_the_first_row(
    monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    connect(monkeypatch, "s3://k:s@127.0.0.1:1/lake?tls=off")
    with pytest.raises(ProgramError, match="the store does not answer"):
        write_csv("s3://lake/x.csv").start(say)


def test_what_is_missing_is_named(lake: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProgramError, match=r"^s3://lake/none\.csv is not there$"):
        opened("s3://lake/none.csv")
    with pytest.raises(ProgramError, match="CONNECTION_SEA is not set, or is for other tenants"):
        opened("s3://sea/x.csv")
    connect(monkeypatch, lake.url("pond"))
    with pytest.raises(ProgramError, match="there is no bucket pond"):
        opened("s3://lake/x.csv")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///x.db",
        "s3://host/bucket",
        f"s3://k:{QUOTED}@host",
        f"s3://k:{QUOTED}@host/b?profile=root",
        f"s3://k:{QUOTED}@host:x/b",
        f"s3://k:{QUOTED}@host/b/../c",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_told(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    connect(monkeypatch, url)
    with pytest.raises(ProgramError, match="connection lake is no") as refused:
        stored("s3://lake/x.csv")
    assert QUOTED not in str(refused.value)
    assert "host/" not in str(refused.value)


# ---------------------------------------------------------------- doors that stay shut


@pytest.mark.parametrize(
    "path",
    [
        "s3://lake",
        "s3://lake/",
        "s3://lake/../x.csv",
        "s3://lake/a/./x.csv",
        "s3://lake//x.csv",
        "s3://lake/.part",
        "s3:///x.csv",
        "s3://la*e/x.csv",
        "s3://{name}/x.csv",
        "s3://key:secret@host/bucket/x.csv",
        f"s3://lake/{'x' * 901}",
    ],
)
def test_a_graph_names_no_such_object(path: str) -> None:
    document = chain(node(1, "csv_input", path=path))
    with pytest.raises(GraphInvalid) as refused:
        parse_graph(document)
    assert any(error.field == "path" for error in refused.value.errors)
    with pytest.raises(ProgramError):
        stored(path)


def test_a_key_in_a_path_is_refused_even_of_a_draft() -> None:
    document = chain(node(1, "csv_input", path="s3://key:secret@host/bucket/x.csv"))
    [error] = password_errors(document)
    assert error.field == "path"
    assert "secret" not in error.message


def test_nothing_of_the_machine_is_asked_for_keys(
    lake: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the environment, nor a file of the home directory, nor a cloud's metadata."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
    for name in ("AWS_EC2_METADATA_DISABLED", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    stored("s3://lake/x.csv")
    assert os.environ["AWS_EC2_METADATA_DISABLED"] == "true"
    assert os.environ["AWS_CONFIG_FILE"] == os.devnull
    connect(monkeypatch, f"s3://127.0.0.1:{lake.port}/lake?tls=off")
    with pytest.raises(ProgramError, match="is no s3://"):
        stored("s3://lake/x.csv")


def test_a_redirect_to_another_host_takes_no_key_along(
    monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    """The library follows a redirect of the store, which Arrow cannot forbid; what is signed stays behind."""
    with service(lambda request: "") as other:
        away = Reply("", status=307, headers={"Location": f"{other.url}/lake/x.csv"})
        with service(lambda request: away) as moving:
            port = moving.url.rpartition(":")[2]
            connect(monkeypatch, f"s3://{KEY}:{QUOTED}@127.0.0.1:{port}/lake?tls=off")
            with suppress(ProgramError):
                opened("s3://lake/x.csv").read(1)
        assert other.asked
        for request in other.asked:
            assert "authorization" not in request.headers
            assert KEY not in str(request)


# ---------------------------------------------------------------- programs


def test_programs_that_are_forked_read_and_write_objects(lake: ObjectStore, tmp_path: Path) -> None:
    """Twice, from one warm interpreter: the library starts after the fork, and does not hold up the end."""
    lake.put("in/1.csv", b"k,n\na,1\n")
    lake.put("in/2.csv", b"k,n\nb,2\n")
    document = chain(
        node(1, "csv_input", path="s3://lake/in/*.csv", delimiter="comma", encoding="utf-8"),
        node(2, "parquet_output", path="s3://lake/out.parquet"),
    )
    for number in range(2):
        directory = tmp_path / str(number)
        directory.mkdir()
        outcome = run(document, directory, CONNECTION_LAKE=lake.url())
        assert outcome.code == 0, outcome.stderr
        assert outcome.state(2) == ("completed", 2)
    assert read(read_parquet("s3://lake/out.parquet")) == [
        {"k": "a", "n": "1"},
        {"k": "b", "n": "2"},
    ]


def test_a_program_tells_no_secret_of_a_store(lake: ObjectStore, tmp_path: Path) -> None:
    document = chain(
        node(1, "csv_input", path="s3://lake/none.csv", delimiter="comma", encoding="utf-8"),
        node(2, "ndjson_output", path="s3://lake/out.ndjson"),
    )
    outcome = run(document, tmp_path, CONNECTION_LAKE=lake.url())
    assert outcome.reason(1).endswith("s3://lake/none.csv is not there")
    told = outcome.stderr + str(outcome.progress) + (tmp_path / "program.py").read_text()
    assert not any(secret in told for secret in (KEY, SECRET, QUOTED))
    assert lake.keys() == ["in/1.csv"] or lake.keys() == []


def test_who_names_no_store_does_not_start_its_library() -> None:
    code = (
        "import sys, program_lib.csv_files, program_lib.parquet_files, program_lib.excel_files, program_lib.ndjson_files;"
        " print([name for name in sys.modules if name.startswith('program_lib.stores.') and not name.endswith('names')])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_rows_move_from_a_store_into_it(lake: ObjectStore) -> None:
    lake.put("x.csv", b"k,n\na,1\n")
    moved(read_csv("s3://lake/x.csv"), write_csv("s3://lake/x.csv"))
    assert lake.get("x.csv") == b"k,n\na,1\n"
