"""What all handlers have in common: who asks, and what they answer."""

from collections.abc import Callable
from typing import Protocol

from flask import Response, request


class Bearer(Protocol):
    """Whoever sends the request, as the token says."""

    @property
    def tenant_id(self) -> str: ...

    @property
    def subject(self) -> str: ...  # empty where the token names none

    @property
    def expires_at(self) -> float: ...  # seconds since 1970

    @property
    def only_run(self) -> str | None: ...  # the one run that it may see


Authenticate = Callable[[str], Bearer]
"""Takes the scope that is needed; aborts with 401 or 403."""

TenantOf = Callable[[str], str]
"""Whose the request is. Takes the scope that is needed; aborts with 401 or 403."""

Answer = Response | tuple[Response, int] | tuple[Response, int, dict[str, str]]
Routes = list[tuple[str, str, Callable[..., Answer]]]
"""Method, path below /api, and the handler, whose name is the endpoint's."""


def address(what: str) -> str:
    """The path of a job, run or webhook, as the client sees this server."""
    return f"{request.script_root}/api/{what}"
