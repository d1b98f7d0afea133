"""What a route takes and answers: one `Operation` each, in a table beside the handlers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from described.schema import TEXT, Schema

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or a header of the request. None is required."""

    name: str
    says: str
    schema: Schema = field(default_factory=TEXT.copy)
    place: Literal["query", "header"] = "query"


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes with a status: a schema for each media type; none: no body."""

    says: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """A body. The route reads one where this is given."""

    schema: Schema
    required: bool = True
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Operation:
    """A route's method. `scope`: what the token must hold; None: the route asks for no token of a user.

    `problems`: statuses of problem documents beside those that follow from the rest (described/openapi.py).
    """

    says: str
    answers: Mapping[int, Answer]
    scope: str | None = None
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[int, ...] = ()
    tag: str = "server"
    security: tuple[Mapping[str, list[str]], ...] = ()  # of a route without scope


@dataclass(frozen=True, slots=True)
class Posted:
    """What the server itself posts, to an address that somebody named."""

    name: str
    says: str
    schema: Schema


def answers(
    schema: Schema, says: str = "OK", status: int = 200, *headers: str
) -> dict[int, Answer]:
    """One answer in JSON."""
    return {status: Answer(says, {JSON: schema}, headers)}
