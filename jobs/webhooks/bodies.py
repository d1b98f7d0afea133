"""The bodies of deliveries: the event as it was recorded, or the text of a chat. Pure."""

import json
from typing import Any
from urllib.parse import urlencode

from jobs.store.webhooks.records import TEST, Form

MOST_NAME = 150  # characters of a name in a chat
# All that Slack asks to be escaped; then no name is a link or a mention
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " "})
_SIGNS = {
    "completed": "✅",
    "recovered": "💚",
    "failed": "❌",
    "retrying": "🔁",
    "lost": "❓",
    "cancelled": "⏹️",
}


def body_of(document: str, form: Form, public_url: str | None) -> bytes:
    """What is posted. `public_url`: where people find the page, for a link to the run."""
    event = json.loads(document)
    link = _link(event, public_url)
    if form is Form.SLACK:
        return _encoded({"text": _text(event, link)})
    if link is not None:
        event["data"]["url"] = link
    return _encoded(event)


def _encoded(body: dict[str, Any]) -> bytes:
    """As JSON in UTF-8. For half a character, as a publisher may have it in a node's name, there is a question mark."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")


def _link(event: dict[str, Any], public_url: str | None) -> str | None:
    data = event["data"]
    if public_url is None or "runId" not in data:
        return None
    return f"{public_url}/?{urlencode({'job': data['jobId'], 'run': data['runId']})}"


def _text(event: dict[str, Any], link: str | None) -> str:
    if event["type"] == TEST:
        return "This is a test: runs that end will be told here."
    data = event["data"]
    told = event["type"].removeprefix("run.")
    name = escaped(data["jobName"])
    shown = f"*{name}*" if link is None else f"*<{link}|{name}>*"
    sentence = f"{_SIGNS[told]} {shown} {_what(told, data)}"
    return "\n".join([sentence, *_more(data)])


def _what(told: str, data: dict[str, Any]) -> str:
    if told == "recovered":
        return "completed: it works again"
    if told == "retrying":
        return f"failed (attempt {data['attempt']} of {data['attempts']}) and is tried again"
    if told in ("lost", "cancelled"):
        return f"was {told}"
    return told


def _more(data: dict[str, Any]) -> list[str]:
    if data["status"] == "completed":
        rows = data["rows"]
        return [f"{rows['in'] or 0:,} rows in, {rows['out'] or 0:,} out"]
    nodes = ", ".join(escaped(node["nodeName"]) for node in data["failedNodes"][:3])
    return [f"Node: {nodes}"] if nodes and data["status"] == "failed" else []


def escaped(text: str) -> str:
    """A text that is no link and no mention in a chat."""
    short = text if len(text) <= MOST_NAME else text[: MOST_NAME - 1] + "…"
    return short.translate(_ESCAPES)
