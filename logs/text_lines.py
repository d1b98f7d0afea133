"""The log as text: an entry begins at the start of a line, what else it has is indented, and no line holds a token.

So nobody writes lines of his own into it.
"""

import copy
import logging

from logs.cleaning import escaped, redact
from logs.json_lines import JsonLines


class CleanLines(logging.Formatter):
    """Another formatter's lines of text, tracebacks included, without tokens and with nothing unprintable."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        entry = copy.copy(record)
        entry.msg, entry.args = escaped(record.getMessage()), None
        lines = self._inner.format(entry).split("\n")
        return redact("\n  ".join(escaped(line) for line in lines))


def write_clean(logger: logging.Logger) -> None:
    """From now on all that this logger's handlers write is clean. Harmless when repeated."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, CleanLines | JsonLines):  # the second cleans each text
            handler.setFormatter(CleanLines(handler.formatter))
