"""Tokens reach no log, whatever is logged: lines are read once more before they are written.

Nor does anybody write lines of his own into it: an entry begins at the start of a line, and what else it has is
indented.
"""

import copy
import logging
import re
import threading

from gunicorn.glogging import Logger

HIDDEN = "(hidden)"
_TOKENS = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"  # a JWT, wherever it stands
    r"|(?<=token=)[^&\s\"'<>]+"
    r"|(?<=[Bb]earer[ .])[A-Za-z0-9._~+/=-]{8,}"
)


def redact(text: str) -> str:
    """The text without what could be a token."""
    return _TOKENS.sub(HIDDEN, text)


def escaped(text: str) -> str:
    """The text with escapes for what cannot be printed: line ends, and what moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


class Redacting(logging.Formatter):
    """Another formatter's lines, tracebacks included, without tokens and with nothing unprintable."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        entry = copy.copy(record)
        entry.msg, entry.args = escaped(record.getMessage()), None
        lines = self._inner.format(entry).split("\n")
        return redact("\n  ".join(escaped(line) for line in lines))


def redact_handlers(logger: logging.Logger) -> None:
    """From now on nothing that this logger's handlers write holds a token. Harmless when repeated."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, Redacting):
            handler.setFormatter(Redacting(handler.formatter))


def log_thread_failures() -> None:
    """What ends a thread goes through the log, not around it."""
    log = logging.getLogger("thread")

    def failed(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "a thread"
        error = args.exc_value
        log.error("%s failed", name, exc_info=error if error is not None else False)

    threading.excepthook = failed


class RedactingLogger(Logger):  # type: ignore[misc]
    """gunicorn's own log and its access log, without tokens."""

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            redact_handlers(logger)
