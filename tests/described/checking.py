"""Holds real answers and messages against the OpenAPI and AsyncAPI documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from described.openapi import PROBLEM, operations_in

FOLLOWED = ("text/event-stream", "application/x-ndjson")


def closed(part: Any) -> Any:
    """The same schemas, in which an object has the members that are named and no others.

    The documents leave objects open, since a later release may add members. In a test, a member that is not in the
    document is a mistake.
    """
    if isinstance(part, Mapping):
        shut = {name: closed(value) for name, value in part.items()}
        if isinstance(part.get("properties"), Mapping):
            shut.setdefault("additionalProperties", False)
        return shut
    return [closed(each) for each in part] if isinstance(part, list) else part


class Checker:
    """Validates JSON against the schemas of one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = closed(document)
        self._validator = lru_cache(None)(self._new_validator)

    def errors(self, schema: Mapping[str, Any], found: Any) -> list[str]:
        """What is wrong with `found`, a line each."""
        validator = self._validator(json.dumps(schema))
        return [
            f"{list(error.instance_path)}: {error.message}"
            for error in validator.iter_errors(found)
        ]

    def check(self, schema: Mapping[str, Any], found: Any) -> None:
        wrong = self.errors(schema, found)
        assert not wrong, (wrong, found)

    def _new_validator(self, schema: str) -> Draft202012Validator:
        components = self.document["components"]
        return Draft202012Validator({**json.loads(schema), "components": components})


class Answers(Checker):
    """Holds HTTP answers against an OpenAPI document."""

    def check_answer(
        self, method: str, path: str, status: int, content_type: str, body: bytes
    ) -> None:
        """Asserts that the document has this answer. A body that is followed is not looked at."""
        operation = self._operation("GET" if method == "HEAD" else method, path)
        media = content_type.partition(";")[0]
        if operation is None:  # nobody's route, or none with this method
            assert (status in (404, 405), media) == (True, PROBLEM), (method, path, status)
            self.check({"$ref": "#/components/schemas/Problem"}, json.loads(body))
            return
        answer = self._answer(operation, status)
        assert answer is not None, f"{method} {path} answers {status}, which is not in the document"
        content = answer.get("content")
        if content is None:
            assert body == b"", (method, path, status)
            return
        assert media in content, (method, path, status, media)
        if "json" in media and media not in FOLLOWED and method != "HEAD":
            self.check(content[media]["schema"], json.loads(body))

    def check_event(self, event: Any) -> None:
        """Asserts that the document has this event of `wait` or `events`."""
        self.check({"$ref": "#/components/schemas/FollowEvent"}, event)

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        fits = [
            operation
            for of_method, template, operation in operations_in(self.document)
            if of_method == method and _fits(template, path)
        ]
        return min(fits, key=lambda found: len(found["parameters"]), default=None)

    def _answer(self, operation: dict[str, Any], status: int) -> dict[str, Any] | None:
        answer: dict[str, Any] | None = operation["responses"].get(str(status))
        if answer is not None and "$ref" in answer:
            return self.document["components"]["responses"][answer["$ref"].rpartition("/")[2]]  # type: ignore[no-any-return]
        return answer


def _fits(template: str, path: str) -> bool:
    pattern = re.sub(r"\\{job_id\\}", r"\\d+", re.escape(template))
    return re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", pattern), path) is not None


class Messages(Checker):
    """Holds messages against an AsyncAPI document."""

    def of_channel(self, name: str, *actions: str) -> Iterator[dict[str, Any]]:
        """The messages of a channel that are sent, received or replied."""
        for operation in self.document["operations"].values():
            if operation["channel"]["$ref"] != f"#/channels/{name}":
                continue
            told = {operation["action"]: operation["messages"]}
            told["reply"] = operation.get("reply", {}).get("messages", [])
            for action in actions:
                for ref in told.get(action, []):
                    yield self.document["components"]["messages"][ref["$ref"].rpartition("/")[2]]

    def name_of(self, channel: str, payload: Any, *actions: str) -> str:
        """The name of the first message of the channel that this is; AssertionError where it is none."""
        wrong = {}
        for message in self.of_channel(channel, *actions):
            wrong[message["name"]] = self.errors(message["payload"], payload)
            if not wrong[message["name"]]:
                return str(message["name"])
        raise AssertionError(f"no message of {channel} is {payload!r:.400}: {wrong}")

    def channel_of(self, subject: str) -> str:
        """The NATS channel with this subject; AssertionError where there is none, or two."""
        found = [
            name
            for name, channel in self.document["channels"].items()
            if re.fullmatch(_pattern(channel["address"]), subject)
        ]
        assert len(found) == 1, f"{subject} is in the document as {found}"
        return str(found[0])


def _pattern(address: str) -> str:
    return re.sub(r"\\{\w+\\}", "[A-Za-z0-9_-]+", re.escape(address))
