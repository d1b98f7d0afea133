"""Log lines as messages of a node."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from progress_lib.ends import is_of_signal
from progress_lib.node import Node


class NodeHandler(logging.Handler):
    """Makes the first line of each record that is not empty the node's message; the latest of them is shown.

    A formatter, a level and filters work as with any handler. Records of progress_lib itself are left out. Any thread.
    """

    def __init__(self, node: Node, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._node = node

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] == "progress_lib":
            return
        try:
            self._node.say(self.format(record).lstrip().partition("\n")[0])
        except Exception as error:
            if is_of_signal(error):
                raise
            self.handleError(record)


@contextmanager
def messages_of(
    node: Node, logger: logging.Logger | str | None = None, level: int = logging.INFO
) -> Iterator[NodeHandler]:
    """While the block runs, what a logger (None: any) says from `level` on is the node's message.

        with reporter.node(1, "Load") as node, messages_of(node):
            logging.getLogger("etl").warning("slow disk")

    A logger that is set to a higher level than `level` says no more than before.
    """
    source = logger if isinstance(logger, logging.Logger) else logging.getLogger(logger)
    handler = NodeHandler(node, level)
    source.addHandler(handler)
    try:
        yield handler
    finally:
        source.removeHandler(handler)
