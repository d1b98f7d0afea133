"""The log as JSON: one line an event, whatever the event's text holds.

Texts are cleaned before they are written as JSON: a token that is cut out of the line would take half of an escape with it.
"""

import json
import logging
import re
import time

from logs.cleaning import escaped, redact
from logs.context import about

_RUN = re.compile(r"\brun ([0-9a-f]{32})\b")  # as our lines name one


class JsonLines(logging.Formatter):
    """{"time", "level", "logger", "message"}, what the event is about (`request`, `tenant`, `job`, `run`), and `error`, a traceback.

    `process`: a name for the process, which stands in each line.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        entry: dict[str, object] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": message,
            **_run_in(message),
            **about(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps({name: _cleaned(value) for name, value in entry.items()})


def write_json(logger: logging.Logger, process: str) -> None:
    """From now on all that this logger's handlers write is JSON."""
    for handler in logger.handlers:
        handler.setFormatter(JsonLines(process))


def _cleaned(value: object) -> object:
    """A number as it is; else the text, without tokens, which keeps its line ends and nothing else that cannot be printed."""
    if value is None or isinstance(value, int | float):
        return value
    return redact("\n".join(map(escaped, str(value).split("\n"))))


def _time(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def _run_in(message: str) -> dict[str, str]:
    found = _RUN.search(message)
    return {"run": found[1]} if found else {}
