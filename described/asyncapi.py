"""The AsyncAPI document of the messages of the WebSocket and of NATS, from the tables of channels beside the code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from described.schema import Schema, needed

VERSION = "3.0.0"
JSON = "application/json"
EMPTY: Schema = {"type": "string", "maxLength": 0}

ABOUT = """\
What browsers and programs say to the server, and what it tells them. The same in words, with what to do: docs/protocol.md. \
`receive`: the server hears it; `send`: the server says it. Ignore messages and members that you do not know. Where the \
installation has a NATS_PREFIX, that and a dot come before each NATS subject; subjects of NATS itself ($JS, $SYS, _INBOX) are not here. Channels marked `x-internal` are between the \
parts of one installation, and may change with any release."""


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message: its name, a sentence, and the schema of its payload."""

    name: str
    says: str
    schema: Schema
    content_type: str = JSON
    scope: str | None = None  # what the sender's token must hold


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go. `received` are heard by the server, `sent` are said by it, `replies` answer those received.

    `address` has its parameters in braces. An internal channel is one between parts of an installation.
    """

    name: str
    server: str  # "websocket" or "nats"
    address: str
    says: str
    received: tuple[Message, ...] = ()
    sent: tuple[Message, ...] = ()
    replies: tuple[Message, ...] = ()
    is_internal: bool = False
    more: Mapping[str, Any] | None = None  # further members, whose names begin with x-

    @property
    def messages(self) -> tuple[Message, ...]:
        return (*self.received, *self.sent, *self.replies)


PARAMETERS = {
    "tenant": "the tenant's id: 1 to 64 of A-Z a-z 0-9 _ -",
    "job": "the job's id, a whole number from 1 on",
    "run": "the run's id",
    "tag": "a tag of runners: docs/tags.md",
    "place": "what names a directory of runs, of one machine or shared",
    "runner": "what a runner that moves files calls itself",
    "transfer": "what it calls an upload or a download",
}


def document(channels: Iterable[Channel], schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The document, without `servers`."""
    channels = list(channels)
    messages = {m.name: _message(m) for channel in channels for m in channel.messages}
    return {
        "asyncapi": VERSION,
        "info": {"title": "Job progress", "version": "1", "description": ABOUT},
        "defaultContentType": JSON,
        "channels": {channel.name: _channel(channel) for channel in channels},
        "operations": {
            name: operation for channel in channels for name, operation in _operations(channel)
        },
        "components": {
            "messages": messages,
            "schemas": needed(messages, schemas),
        },
    }


def servers(host: str, path: str, *, is_secure: bool) -> dict[str, Any]:
    """Where the WebSocket is, for who asked `host` (with its port) for this; the place of NATS is not told to everybody."""
    return {
        "websocket": {
            "host": host,
            "protocol": "wss" if is_secure else "ws",
            "pathname": path,
            "description": "a JWT as ?token= or as the subprotocol bearer.<jwt>",
        },
        "nats": {
            "host": "{nats}",
            "protocol": "nats",
            "variables": {"nats": {"default": "127.0.0.1:4222"}},
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    names = [part.strip("{}") for part in channel.address.split(".") if part.startswith("{")]
    return {
        "address": channel.address,
        "description": channel.says,
        "servers": [{"$ref": f"#/servers/{channel.server}"}],
        "messages": {m.name: _ref("components/messages", m.name) for m in channel.messages},
        **(
            {"parameters": {name: {"description": PARAMETERS[name]} for name in names}}
            if names
            else {}
        ),
        **({"x-internal": True} if channel.is_internal else {}),
        **(channel.more or {}),
    }


def _operations(channel: Channel) -> Iterable[tuple[str, dict[str, Any]]]:
    for action, messages in (("receive", channel.received), ("send", channel.sent)):
        if messages:
            operation = _operation(channel, action, messages)
            if channel.replies and action == "receive":
                operation["reply"] = {
                    "address": {"location": "$message.header#/reply"},
                    "channel": _ref("channels", channel.name),
                    "messages": _refs(channel, channel.replies),
                }
            yield f"{action}-{channel.name}", operation


def _operation(channel: Channel, action: str, messages: Iterable[Message]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": _ref("channels", channel.name),
        "messages": _refs(channel, messages),
    }


def _refs(channel: Channel, messages: Iterable[Message]) -> list[dict[str, str]]:
    return [_ref(f"channels/{channel.name}/messages", message.name) for message in messages]


def _ref(within: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/{within}/{name}"}


def _message(message: Message) -> dict[str, Any]:
    return {
        "name": message.name,
        "summary": message.says,
        "contentType": message.content_type,
        "payload": message.schema,
        **({"x-scope": message.scope} if message.scope else {}),
    }
