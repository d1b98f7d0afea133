"""Serves the descriptions: /openapi.json, /asyncapi.json, and /docs, a page of both. They ask for no token.

They say what every installation of this release takes and answers, and nothing of tenants, jobs or settings.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response, jsonify, render_template, request

from described import asyncapi, openapi
from described.asyncapi import Channel
from described.operation import Operation, Posted
from described.schema import Schema


class Descriptions:
    """The two documents of an application. Made when the first asks, when all routes are there."""

    def __init__(
        self,
        app: Flask,
        operations: Mapping[str, Operation],
        channels: Sequence[Channel],
        schemas: Mapping[str, Schema],
        posted: Sequence[Posted] = (),
    ) -> None:
        self._app = app
        self._operations = operations
        self._channels = channels
        self._schemas = schemas
        self._posted = posted

    @functools.cached_property
    def openapi(self) -> dict[str, Any]:
        return openapi.document(self._app.url_map, self._operations, self._schemas, self._posted)

    @functools.cached_property
    def asyncapi(self) -> dict[str, Any]:
        return asyncapi.document(self._channels, self._schemas)

    @functools.cached_property
    def page(self) -> str:
        """Both as a page. Made once: anybody may ask for it, and it takes milliseconds."""
        return render_template(
            "described/docs.html",
            http=self.openapi,
            operations=list(openapi.operations_in(self.openapi)),
            told=self.asyncapi,
        )


def install(app: Flask, descriptions: Descriptions) -> None:
    """Adds the three routes."""

    @app.get("/openapi.json", endpoint="openapi")
    def openapi_json() -> Response:
        return jsonify({**descriptions.openapi, "servers": [{"url": request.script_root or "/"}]})

    @app.get("/asyncapi.json", endpoint="asyncapi")
    def asyncapi_json() -> Response:
        servers = asyncapi.servers(request.host, request.script_root, is_secure=request.is_secure)
        return jsonify({**descriptions.asyncapi, "servers": servers})

    @app.get("/docs")
    def docs() -> str:
        return descriptions.page
