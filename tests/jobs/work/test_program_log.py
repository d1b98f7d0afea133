"""The log of a run: capped, read by offset, never in the way."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jobs.work.program_log import LineTail, LogPiece, ProgramLog, read_log


def test_a_log_is_capped_and_says_so_at_the_end(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "log.txt", cap=1_000)
    for _ in range(10_000):
        log.write(b"a line of output\n")
    log.close()
    log.close()
    text = (tmp_path / "log.txt").read_text()
    assert len(text) < 1_200
    assert text.endswith("[log capped at 1,000 bytes: 169,000 more were dropped]\n")


def test_a_full_disk_costs_the_log_and_not_the_run() -> None:
    log = ProgramLog(Path("/dev/full"))
    log.write(b"x")
    log.write(b"y")
    log.close()


def test_the_tail_of_stderr_is_its_last_lines() -> None:
    tail = LineTail(3)
    tail.feed(b"1\n2\n\n3")
    tail.feed(b"3\n4\nlast")
    assert tail.text() == "33\n4\nlast"


def test_the_tail_is_told_as_a_terminal_shows_it() -> None:
    """A run's reason was “␛[31mno such table␛[0m”, or the first percents of a bar that had come to 90 %."""
    tail = LineTail()
    tail.feed(b"\x1b[31mno such table\x1b[0m\r\n")
    for percent in range(91):
        tail.feed(b"\r%3d%% of the rows" % percent)
    assert tail.text() == "no such table\n 90% of the rows"
    tail.feed(b"\r\n\x1b[2K\r\nbroken\r")
    tail.feed(b"\n")
    assert tail.text() == "no such table\n 90% of the rows\nbroken"


def test_a_long_line_that_is_written_in_pieces_is_told_without_a_gap() -> None:
    """Of Cyrillic, or with colours: where 400 bytes of it had come, what was written next followed the first 200 letters."""
    line = "строка " * 60
    coloured = "".join(f"\x1b[3{n % 8}m{letter}\x1b[0m" for n, letter in enumerate(line))
    for written in (line, coloured):
        tail = LineTail()
        tail.feed(written.encode()[:1_000])
        tail.feed(written.encode()[1_000:] + b"end\n")
        assert tail.text() == line[:400].rstrip()


def test_a_line_without_an_end_costs_little() -> None:
    tail = LineTail(2)
    for _ in range(1_000):
        tail.feed(b"x" * 65_536)
    assert len(tail.text()) <= 800


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert LogPiece.of(read_log(tmp_path / "log.txt", 0), is_complete=True).text == ""


def test_a_log_is_read_from_the_end_with_a_negative_offset(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("first\nlast\n")
    assert LogPiece.of(read_log(tmp_path / "log.txt", -5), is_complete=True).text == "last\n"
    assert (
        LogPiece.of(read_log(tmp_path / "log.txt", -500), is_complete=True).text == "first\nlast\n"
    )
    assert LogPiece.of(read_log(tmp_path / "log.txt", 500), is_complete=True).text == ""


@given(st.text(max_size=50), st.integers(4, 9))
def test_pieces_of_a_log_join_to_the_whole(text: str, limit: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log.txt"
        path.write_bytes(text.encode())
        start, found = 0, ""
        while start < path.stat().st_size:
            piece = LogPiece.of(read_log(path, start, limit), is_complete=True)
            assert piece.next > start
            start, found = piece.next, found + piece.text
    assert found == text


def test_bytes_that_are_no_text_do_not_stop_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"\xff\xfe\x80\x80\x80\x80\x80" * 10)
    start = 0
    while start < path.stat().st_size:
        piece = LogPiece.of(read_log(path, start, 4), is_complete=True)
        assert piece.next > start
        start = piece.next


def test_half_a_character_is_told_once_the_other_half_is_there_or_never_comes(
    tmp_path: Path,
) -> None:
    """As of a program whose buffer was full; a follower asks again meanwhile."""
    path = tmp_path / "log.txt"
    path.write_bytes("né".encode()[:2])
    first = LogPiece.of(read_log(path, 0), is_complete=False)
    assert (first.text, first.next) == ("n", 1)
    again = LogPiece.of(read_log(path, first.next), is_complete=False)
    assert (again.text, again.next) == ("", 1)
    assert LogPiece.of(read_log(path, 1), is_complete=True).text == "�"
    path.write_bytes("né".encode())
    assert LogPiece.of(read_log(path, again.next), is_complete=False).text == "é"
