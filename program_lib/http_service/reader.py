"""Rows of an HTTP service, page after page, strictly."""

from __future__ import annotations

import hashlib
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from program_lib.errors import ProgramError
from program_lib.http_service.answer import NO_CONTENT, Answer
from program_lib.http_service.client import Asks
from program_lib.http_service.paging import OnePage, Paging
from program_lib.http_service.patience import Patience, Temporary
from program_lib.ndjson_files.columns import REFUSE, MemberColumns
from program_lib.ndjson_files.objects import Member, NotAnObject, members
from program_lib.network.urls import Url
from program_lib.notation.json_paths import parse_path, path_text
from program_lib.pieces import pieces
from program_lib.types import Schema, Type

MAX_PAGES = 100_000  # of one run; more is a service that never ends
# Counted pages one after another, each of which says that there are more
MAX_WITHOUT_ROWS = 100
MAX_SECONDS = 86_400.0  # for all pages, as for a program's CPU time


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its number, from 1 on, and its rows by their members."""

    number: int
    rows: list[Mapping[str, Member]]


class HttpReader:
    """A source of rows: program_lib.ports.TextReader and Telling, and program_lib.nodes.early.Waiting, over a service.

    Its columns are the members of the rows of the first page that has any, and those that `types` names.
    """

    def __init__(
        self,
        make_client: Callable[[], tuple[Asks, Url]],
        *,
        rows: str = "",
        paging: Paging | None = None,
        total: str | None = None,
        more: str | None = None,
        types: Mapping[str, Type] | None = None,
        others: str = REFUSE,
        patience: Patience | None = None,
        is_sample: bool = False,
    ) -> None:
        """`make_client`: called by `open`. `is_sample`: reads no page after the first one that has rows."""
        self._make_client = make_client
        self._rows, self._paging = parse_path(rows), paging or OnePage()
        self._total = None if total is None else parse_path(total)
        self._more = None if more is None else parse_path(more)
        self._patience = patience or Patience()
        self._is_sample = is_sample
        self._columns = MemberColumns(
            types or {}, others, source="the service", first="the rows of the first page"
        )
        self._say: Callable[[str], None] = lambda message: None
        self._client: Asks | None = None
        self._next: Url | None = None  # what is asked next; None at the end
        self._first: list[Page] = []  # read by `open`
        self._asked: set[bytes] = set()  # digests of the URLs that were asked
        self._without_rows = 0  # pages, up to the last one, that said that there are more
        self._before = b""  # the digest of the rows of the last page
        self._ends: list[int] = []  # of each page, how many rows came up to its end
        self._told_total: int | None = None  # how many rows there are, as the last answer says
        self._deadline = 0.0
        self._is_interrupted = threading.Event()

    def hear(self, say: Callable[[str], None]) -> None:
        self._say = say

    def open(self) -> Schema:
        self._deadline = time.monotonic() + MAX_SECONDS
        self._client, url = self._make_client()
        self._next = self._paging.first(url)
        while (page := self._page()) is not None:
            self._first.append(page)
            if page.rows:
                break
        return self._columns.begin(row for page in self._first for row in page.rows)

    def batches(self) -> Iterator[pa.Table]:
        for members_of in self._found():
            yield from pieces(self._columns.typed(members_of))

    def written(self) -> Iterator[pa.Table]:
        """Each member as its answer has it, in JSON."""
        for members_of in self._found():
            yield from pieces(self._columns.written(members_of))

    def typed(self, written: pa.Table) -> pa.Table:
        return self._columns.typed_again(written)

    def texts(self, written: pa.Table) -> pa.Table:
        return self._columns.texts(written)

    def total(self) -> int | None:
        return None  # what a service says may change while it is read

    def share(self) -> float | None:
        if not self._told_total or not self._ends:
            return None
        return min(self._ends[-1] / self._told_total, 1.0)

    def told(self) -> str:
        pages = len(self._ends)
        return f"from {pages:,} page{'' if pages == 1 else 's'}"

    def where(self, number: int) -> str:
        page = bisect_left(self._ends, number)
        return f"page {page + 1:,}, row {number - (self._ends[page - 1] if page else 0):,}"

    def interrupt(self) -> None:
        self._is_interrupted.set()
        client = self._client
        if client is not None:
            client.interrupt()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def _count(self) -> int:
        """The rows of all pages so far."""
        return self._ends[-1] if self._ends else 0

    def _found(self) -> Iterator[list[list[Member]]]:
        """The members of each page that has rows, by column."""
        while (page := self._first.pop(0) if self._first else self._page()) is not None:
            if page.rows:
                yield self._columns.by_column(self._checked(page))

    def _checked(self, page: Page) -> Iterator[Mapping[str, Member]]:
        for number, row in enumerate(page.rows, 1):
            if why := self._columns.unknown(row):
                raise ProgramError(f"page {page.number:,}, row {number:,} {why}")
            yield row

    def _page(self) -> Page | None:
        """The next page; None where there is none."""
        if (url := self._next) is None:
            return None
        number = len(self._ends) + 1
        try:
            self._note_asked(url, number)
            answer, rows = self._patience.tried(
                lambda: self._get(url, number), self._say, self._pause
            )
            self._note_total(answer)
            self._ends.append(self._count + len(rows))
            self._next = self._after(url, answer, rows)
        except ProgramError as error:
            raise ProgramError(_of_page(number, error)) from error
        except NotAnObject as error:
            raise ProgramError(_of_page(number, f"the answer {error}")) from error
        if self._next is None:
            self._check_total()
        return Page(number, [_members(row, number, at) for at, row in enumerate(rows, 1)])

    def _pause(self, seconds: float) -> None:
        if self._is_interrupted.wait(seconds):
            raise InterruptedError("nobody wants the rows any more")

    def _get(self, url: Url, number: int) -> tuple[Answer, list[bytes]]:
        """A whole answer, and the rows in it."""
        assert self._client is not None
        try:
            answer = self._client.get(url)
            answer.check_utf8()
            return answer, answer.rows(self._rows)
        except Temporary as error:
            raise Temporary(_of_page(number, error), error.after) from error

    def _note_asked(self, url: Url, number: int) -> None:
        if self._was_asked(url):
            raise ProgramError(
                "it was asked for before: the service gives the same link or cursor again, and would never end"
            )
        if number > MAX_PAGES or time.monotonic() > self._deadline:
            most = f"{MAX_PAGES:,} pages, {MAX_SECONDS / 3600:,.0f} hours"
            raise ProgramError(
                f"the service does not end; a run reads at most {most}: ask for larger pages"
            )
        self._asked.add(_digest(str(url).encode()))

    def _note_total(self, answer: Answer) -> None:
        if self._total is None or answer.status == NO_CONTENT:
            return
        text = answer.text(self._total)
        if text is None or not (text.isascii() and text.isdigit()) or len(text) > 18:
            found = "nothing" if text is None else repr(text[:40])
            raise ProgramError(
                f"{path_text(self._total)} is {found}, where a number of rows was expected"
            )
        self._told_total = int(text)

    def _check_total(self) -> None:
        if self._told_total is not None and self._told_total != self._count and not self._is_sample:
            raise ProgramError(
                f"the service says that there are {self._told_total:,} rows, and its {len(self._ends):,} pages have"
                f" {self._count:,}: rows came or went while they were read, or pages are missing. Run it again"
            )

    def _after(self, url: Url, answer: Answer, rows: list[bytes]) -> Url | None:
        """What is asked next."""
        if answer.status == NO_CONTENT:
            return None
        is_end = self._paging.is_counted and self._is_end(rows)
        says_more = self._says_more(answer, may_be_silent=is_end)
        if says_more is False or (is_end and not says_more) or (self._is_sample and rows):
            return None
        found = self._paging.next(url, answer, len(self._ends), self._count)
        if says_more:
            return self._named(found, rows)
        if found is not None and not rows and self._was_asked(found):
            return None  # a page without rows whose cursor is the old one: there is no more
        return found

    def _says_more(self, answer: Answer, *, may_be_silent: bool) -> bool | None:
        """What the answer says of another page; None where nobody asks, or where it need not say so, and does not."""
        if self._more is None or (may_be_silent and not answer.has(self._more)):
            return None
        return answer.flag(self._more)

    def _named(self, found: Url | None, rows: list[bytes]) -> Url:
        """The next page where the answer says that there is one. Raises ProgramError where that cannot be."""
        assert self._more is not None
        said = f"{path_text(self._more)} is true, so that there is another page"
        if found is None:
            raise ProgramError(
                f"{said}, and nothing says which: see whether Pages and Next are those of the service"
            )
        self._without_rows = 0 if rows else self._without_rows + 1
        is_endless = self._paging.is_counted and self._without_rows > MAX_WITHOUT_ROWS
        if is_endless or (not rows and self._was_asked(found)):
            raise ProgramError(
                f"{said}, and this one has no rows, as the one before or any that follows: see whether More is"
                " what says that there are more rows"
            )
        return found

    def _was_asked(self, url: Url) -> bool:
        return _digest(str(url).encode()) in self._asked

    def _is_end(self, rows: list[bytes]) -> bool:
        """Whether pages that are counted end with this one, where it does not say that there is more: it has no rows, or all have come."""
        if not rows:
            return True
        digest = _digest(b"\n".join(rows))
        if digest == self._before:
            raise ProgramError(
                "it has the same rows as the page before: the service does not look at Parameter, or repeats its last page"
            )
        self._before = digest
        return self._told_total is not None and self._count >= self._told_total


def _of_page(number: int, what: object) -> str:
    said, place = str(what), f"page {number:,}: "
    return said if said.startswith(place) else place + said


def _members(row: bytes, page: int, number: int) -> Mapping[str, Member]:
    try:
        return members(row)
    except NotAnObject as error:
        raise ProgramError(f"page {page:,}, row {number:,} {error}") from error


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
