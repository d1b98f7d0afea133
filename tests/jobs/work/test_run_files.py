"""What a program leaves in its run's directory is believed no further than its form goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.store.runs.kept import Kept, KeptNode
from jobs.work.run_files import ABOUT_KEPT, MAX_ABOUT_KEPT, MOST_OF_A_NODE, RunFiles
from progress_lib.progress import MAX_WHOLE

RUN = "0" * 32


def said(data_dir: Path, text: str) -> dict[int, KeptNode]:
    """What is read where the program wrote this of what it kept."""
    files = RunFiles(data_dir, RUN)
    (files.make_kept("acme") / ABOUT_KEPT).write_text(text)
    return files.read_kept("acme")


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", '{"1": 7}', '{"one": {"rows": 1, "bytes": 1}}', '{"1": {"rows": 1}}'),
        *(f'{{"1": {{"rows": 1, "bytes": {found}}}}}' for found in ("1e999", "NaN", 10**30, -1)),
        '{"1": {"rows": Infinity, "bytes": 1}}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:36],
)
def test_what_is_no_word_of_kept_rows_keeps_no_run_from_its_end(tmp_path: Path, text: str) -> None:
    """The end could not be written: the run was lost, or with PostgreSQL held its slot for good."""
    assert said(tmp_path, text) == {}


def test_what_was_kept_of_all_nodes_is_a_number_that_a_database_holds(tmp_path: Path) -> None:
    most = MOST_OF_A_NODE - 1
    assert said(tmp_path, f'{{"1": {{"rows": 3, "bytes": {most}}}}}') == {1: KeptNode(3, most)}
    entry = len(f'"1":{{"rows":1,"bytes":{most}}},')
    many = {number: KeptNode(1, most) for number in range(MAX_ABOUT_KEPT // entry)}
    assert Kept("", many).size < MAX_WHOLE
