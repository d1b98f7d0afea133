"""Log lines as messages of a node."""

from __future__ import annotations

import logging

import pytest

from progress_lib import ProgressReporter
from progress_lib.logs import NodeHandler, messages_of
from tests.harness import NatsServer, eventually
from tests.progress_lib.listener import Listener


def test_what_is_logged_is_what_the_node_says(nats_server: NatsServer, listener: Listener) -> None:
    log = logging.getLogger("etl.load")
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        with reporter.node(1, "Load") as node, messages_of(node, "etl"):
            log.warning("slow disk, %d ms", 7)
            eventually(lambda: listener.said()["message"] == "slow disk, 7 ms")
            try:
                raise OSError("gone")
            except OSError:
                log.exception("cannot read")
            log.debug("not this")
            logging.getLogger("progress_lib.nats.link").error("nor this")
        log.error("not any more")
    assert eventually(listener.end) == ("completed", 0, "cannot read")


def test_a_handler_has_the_formatter_and_level_that_it_is_given() -> None:
    said = []

    class Heard:
        def say(self, message: object) -> None:
            said.append(message)

    handler = NodeHandler(Heard(), logging.ERROR)  # type: ignore[arg-type]
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log = logging.Logger("mine")
    log.addHandler(handler)
    log.warning("no")
    log.error("yes")
    assert said == ["ERROR yes"]


def test_a_line_break_at_the_beginning_of_a_record_does_not_hide_it() -> None:
    said = []

    class Heard:
        def say(self, message: object) -> None:
            said.append(message)

    log = logging.Logger("mine")
    log.addHandler(NodeHandler(Heard()))  # type: ignore[arg-type]
    log.error("\n=== Load ===\nof March")
    assert said == ["=== Load ==="]


def test_a_record_that_cannot_be_written_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.Logger("mine")
    log.addHandler(NodeHandler(None))  # type: ignore[arg-type]
    log.error("%d", "no number")
    assert "Logging error" in capsys.readouterr().err
