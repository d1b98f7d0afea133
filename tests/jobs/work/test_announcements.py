"""What a runner announces is said, whatever its threads meet."""

from __future__ import annotations

import threading

import pytest

from jobs.work.announcements import Announcement, Announcer
from progress_lib.nats.link import Link
from tests.harness import DEADLINE, eventually

SUBJECT = "tenant.acme.job.1.status"


def test_an_announcer_without_a_thread_says_all_with_the_next_word(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was silent until its runner was started anew."""
    heard: list[bytes] = []
    link.subscribe(SUBJECT, lambda message: heard.append(message.payload))
    assert link.flush(DEADLINE)
    announcer, faults = Announcer(link), iter((1, 2))
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "announcer" and next(faults, None):
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    for word in (b"1", b"2", b"3"):
        announcer.announce(Announcement(SUBJECT, word))
    eventually(lambda: heard == [b"1", b"2", b"3"])
    assert announcer.close(20.0)
