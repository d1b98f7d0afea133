"""How the pages of a service follow one another: each way says which URL comes next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from program_lib.http_service.answer import Answer
from program_lib.http_service.client import followed
from program_lib.network.urls import Url
from program_lib.notation.json_paths import parse_path


class Paging(Protocol):
    """One of the ways below."""

    is_counted: bool  # whether the service tells no end, but by a page without rows

    def first(self, url: Url) -> Url:
        """The URL of the first page."""
        ...

    def next(self, asked: Url, answer: Answer, page: int, rows: int) -> Url | None:
        """The URL after the `page`th page, which was asked by `asked`; `rows` came up to it. None at the end."""
        ...


@dataclass(frozen=True, slots=True)
class OnePage:
    """There is one page."""

    is_counted: bool = False

    def first(self, url: Url) -> Url:
        return url

    def next(self, asked: Url, answer: Answer, page: int, rows: int) -> Url | None:
        return None


@dataclass(frozen=True, slots=True)
class ByLink:
    """An answer has the URL of the next page, at a path or, without one, in its header Link."""

    path: str | None = None
    is_counted: bool = False

    def first(self, url: Url) -> Url:
        return url

    def next(self, asked: Url, answer: Answer, page: int, rows: int) -> Url | None:
        found = answer.next_link() if self.path is None else answer.text(parse_path(self.path))
        return followed(answer.url, found, "a next page") if found else None


@dataclass(frozen=True, slots=True)
class ByCursor:
    """An answer has a text at a path, which goes into the query of the next request."""

    path: str
    parameter: str
    is_counted: bool = False

    def first(self, url: Url) -> Url:
        return url

    def next(self, asked: Url, answer: Answer, page: int, rows: int) -> Url | None:
        found = answer.text(parse_path(self.path))
        return asked.with_parameter(self.parameter, found) if found else None


@dataclass(frozen=True, slots=True)
class ByNumber:
    """The number of the page goes into the query, or, without a first one, that of the rows before it."""

    parameter: str
    first_page: int | None = None
    is_counted: bool = True

    def first(self, url: Url) -> Url:
        return url.with_parameter(self.parameter, str(self.first_page or 0))

    def next(self, asked: Url, answer: Answer, page: int, rows: int) -> Url | None:
        number = rows if self.first_page is None else self.first_page + page
        return asked.with_parameter(self.parameter, str(number))
