"""All jobs of a tenant in short: who watches them, what they are told, and what never reaches them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from progress_lib.progress import Progress, Status
from realtime.events import PROGRESS, STATUS, ProgressEvent, RunStatus, Source, StatusEvent, Topic
from realtime.hub import overview as overview_module
from realtime.hub.commands import Forget, LeaveTenant, TenantKnown, WatchTenant
from realtime.hub.hub import Hub
from realtime.hub.overview import LOOKS_EVERY, RECENT, SPEAKS_EVERY, Heard, Overview
from tests.harness import Product, eventually, product_of_each_class
from tests.realtime.hub.test_hub import Watcher, joined
from tests.realtime.raw import publish
from tests.realtime.telling import broadcast, listen_to, register

ACME = Topic("acme", 1)
NOW = 1_000.0  # on any clock


def status(
    word: str, run: str = "r1", topic: Topic = ACME, *, seq: int = 0, alive: bool = False
) -> StatusEvent:
    payload = json.dumps({"runId": run, "status": word}).encode()
    return StatusEvent(topic, RunStatus(run, word, alive), payload, seq)


def progress(run: str | None = None, topic: Topic = ACME, *, seq: int = 0) -> ProgressEvent:
    said = Progress(1, "Load", Status.RUNNING, 5, run_id=run)
    return ProgressEvent(topic, said, said.to_json(), seq)


def told(frames: list[bytes]) -> list[tuple[int, str | None, float, bool]]:
    """Job, status, last word and whether that is of a run that no status tells of, of each brief."""
    watcher = Watcher()
    watcher.push(b"".join(frames))
    return [briefly(message) for message in watcher.messages]


def briefly(message: dict[str, Any]) -> tuple[int, str | None, float, bool]:
    assert message["type"] == "job.brief"
    payload = message["payload"]
    word = None if payload["status"] is None else payload["status"]["status"]
    return message["jobId"], word, payload["heard"], payload["untold"]


# ---------------------------------------------------------------- the rules


def test_each_change_is_told_once_and_what_is_late_or_twice_is_not() -> None:
    overview = Overview()
    for at, event in enumerate([status("queued"), status("running"), status("running")]):
        overview.note(Heard(event, float(at)), NOW)
    assert told(overview.take_news(NOW)) == [(1, "running", 1.0, False)]
    overview.note(Heard(status("queued"), 3.0), NOW)
    assert overview.take_news(NOW) == []
    overview.note(Heard(status("failed"), 4.0), NOW)
    overview.note(Heard(status("running", "r2"), 5.0), NOW)
    overview.note(Heard(status("completed"), 6.0), NOW)
    overview.note(Heard(progress("r1"), 7.0), NOW)
    assert told(overview.take_news(NOW)) == [(1, "running", 5.0, False)]


def test_who_only_goes_on_is_told_from_time_to_time() -> None:
    overview = Overview()
    overview.note(Heard(status("running", alive=True), 1.0), NOW)
    overview.take_news(NOW)
    for step in range(1, 4):
        overview.note(Heard(status("running", alive=True), 1.0 + step), NOW + step)
    assert overview.take_news(NOW + 3) == []
    overview.note(Heard(progress("r1"), 9.0), NOW + SPEAKS_EVERY)
    assert told(overview.take_news(NOW + SPEAKS_EVERY)) == [(1, "running", 9.0, False)]


def test_a_publisher_that_tells_no_status_is_told_and_after_a_run_of_ours_as_another_one() -> None:
    overview = Overview()
    overview.note(Heard(progress(), 1.0), NOW)
    assert told(overview.take_news(NOW)) == [(1, None, 1.0, True)]
    overview.note(Heard(status("running"), 2.0), NOW)
    overview.note(Heard(status("completed"), 3.0), NOW)
    assert told(overview.take_news(NOW)) == [(1, "completed", 3.0, False)]
    overview.note(Heard(progress("cron"), 4.0), NOW)
    assert told(overview.take_news(NOW)) == [(1, "completed", 4.0, True)]


def test_progress_is_looked_at_once_a_second_and_each_status_at_once() -> None:
    overview = Overview()
    assert overview.wants(1, False, NOW)
    overview.note(Heard(progress(), 1.0), NOW)
    assert not overview.wants(1, False, NOW + LOOKS_EVERY / 2)
    assert overview.wants(1, True, NOW + LOOKS_EVERY / 2)
    assert overview.wants(1, False, NOW + LOOKS_EVERY)
    overview.note(Heard(status("completed"), 2.0), NOW)
    assert overview.wants(1, False, NOW), "the one message of a program that tells no run"


def test_who_comes_is_told_what_runs_and_who_spoke_lately_and_of_nobody_else() -> None:
    overview = Overview()
    for job_id, word, at in ((1, "running", 0.0), (2, "failed", 0.0), (3, "completed", RECENT)):
        overview.note(Heard(status(word, topic=Topic("acme", job_id)), at), NOW)
    assert told(overview.present(RECENT + 1.0)) == [
        (1, "running", 0.0, False),
        (3, "completed", RECENT, False),
    ]


def test_what_the_stream_held_does_not_step_behind_what_was_heard_since() -> None:
    overview = Overview()
    overview.note(Heard(status("running", "new", seq=7), 7.0), NOW)
    overview.note(Heard(status("running", "old", seq=5), 5.0), NOW)
    overview.note(Heard(progress("old", seq=6), 6.0), NOW)
    assert told(overview.present(7.0)) == [(1, "running", 7.0, False)]
    [frame] = overview.present(7.0)
    assert b'"new"' in frame
    overview.forget_sequences()
    overview.note(Heard(status("completed", "new", seq=2), 9.0), NOW)
    assert told(overview.present(9.0)) == [(1, "completed", 9.0, False)]


def test_when_full_the_job_that_was_silent_the_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overview_module, "MAX_BRIEFS", 2)
    overview = Overview()
    for job_id, at in ((1, 1.0), (2, 2.0), (1, 3.0), (3, 4.0)):
        overview.note(Heard(progress(topic=Topic("acme", job_id)), at), NOW)
    assert [brief[0] for brief in told(overview.present(5.0))] == [1, 3]
    assert [brief[0] for brief in told(overview.take_news(NOW))] == [1, 3]


# ---------------------------------------------------------------- the hub


@contextmanager
def whole_round(hub: Hub) -> Iterator[None]:
    yield
    hub.start()
    hub.stop()


def watch_all(hub: Hub, watcher: Watcher, tenant_id: str = "acme") -> Watcher:
    register(hub, watcher.as_client)
    hub.put(WatchTenant(watcher.as_client, tenant_id))
    return watcher


def briefs(watcher: Watcher) -> list[tuple[int, str | None, float, bool]]:
    return [briefly(m) for m in watcher.messages if m["type"] == "job.brief"]


def test_nothing_crosses_tenants_and_who_left_hears_no_more() -> None:
    hub = Hub()
    with whole_round(hub):
        acme, globex, gone = (
            watch_all(hub, Watcher(), "acme"),
            watch_all(hub, Watcher(), "globex"),
            watch_all(hub, Watcher(), "acme"),
        )
        hub.put(LeaveTenant(gone.as_client, "acme"))
        broadcast(hub, [status("running"), status("failed", topic=Topic("globex", 1))])
    assert [brief[:2] for brief in briefs(acme)] == [(1, "running")]
    assert [brief[:2] for brief in briefs(globex)] == [(1, "failed")]
    assert briefs(gone) == []
    assert acme.messages[0]["type"] == "server.state"


def test_who_watches_a_job_is_sent_no_brief_and_who_watches_all_no_progress() -> None:
    hub = Hub()
    with whole_round(hub):
        one, everything = joined(hub, ACME), watch_all(hub, Watcher())
        broadcast(hub, [status("running"), progress("r1")])
    assert [m["type"] for m in one.messages] == ["job.status", "job.progress"]
    assert [m["type"] for m in everything.messages] == ["server.state", "job.brief"]


def test_a_job_that_was_deleted_is_told_of_no_more() -> None:
    hub, late = Hub(), Watcher()
    with whole_round(hub):
        watch_all(hub, Watcher())
        broadcast(hub, [status("running"), status("running", "r2", Topic("acme", 2))])
        hub.put(Forget(ACME))
        watch_all(hub, late)
    assert {brief[:2] for brief in briefs(late)} == {(2, "running")}


@pytest.mark.parametrize("restarts", [False, True])
def test_a_stream_that_counts_anew_is_listened_to_and_one_that_goes_on_tells_nothing_twice(
    restarts: bool,
) -> None:
    asked: list[str] = []
    hub, watcher = Hub(load=lambda *_: None, load_tenant=asked.append), Watcher()
    with whole_round(hub):
        listen_to(hub, Source.FOLLOWING)
        watch_all(hub, watcher)
        hub.put(TenantKnown("acme", [Heard(status("running", seq=90), 1.0)]))
        listen_to(hub, Source.FOLLOWING, restarts=restarts)
        hub.put(TenantKnown("acme", [Heard(status("failed", seq=2), 2.0)]))
    assert [brief[1] for brief in briefs(watcher)] == ["failed" if restarts else "running"]
    assert asked == ["acme", "acme"]


def test_messages_are_of_use_only_while_somebody_watches() -> None:
    asked: list[str] = []
    hub = Hub(load=lambda _topic, _is_whole: None, load_tenant=asked.append)
    hub.start()
    assert not hub.keeps(ACME, STATUS)
    watcher = watch_all(hub, Watcher())
    eventually(lambda: hub.keeps(ACME, STATUS) and hub.keeps(ACME, PROGRESS), what="it is kept")
    assert not hub.keeps(Topic("globex", 1), STATUS)
    assert asked == ["acme"]
    listen_to(hub, Source.FOLLOWING)
    eventually(lambda: asked == ["acme", "acme"], what="it is read anew")
    hub.put(TenantKnown("acme", [Heard(status("running", seq=3), 1.0)]))
    eventually(lambda: [brief[1] for brief in briefs(watcher)] == ["running"], what="the past")
    hub.put(LeaveTenant(watcher.as_client, "acme"))
    eventually(lambda: not hub.keeps(ACME, STATUS), what="nobody watches")
    hub.stop()


# ---------------------------------------------------------------- the real thing


product = product_of_each_class("overview")


def say(product: Product, job_id: int, kind: str, payload: dict[str, Any], tenant: str) -> None:
    publish(product, (f"tenant.{tenant}.job.{job_id}.{kind}", json.dumps(payload).encode()))


def until_briefs(client: ClientConnection, *wanted: tuple[int, str | None, bool]) -> None:
    """Reads until each wanted (job, status, untold) was said, whatever else is."""
    left = set(wanted)
    while left:
        message = json.loads(client.recv(timeout=20))
        if message["type"] == "job.brief":
            job_id, word, _, is_untold = briefly(message)
            left.discard((job_id, word, is_untold))


def test_who_watches_all_hears_of_what_ran_before_and_of_each_change_of_its_tenant_alone(
    product: Product,
) -> None:
    ours = product.tenant_id
    node = {"nodeId": 1, "nodeName": "Load", "status": "running", "rowCount": 5, "message": ""}
    say(product, 501, "status", {"runId": "a", "status": "running"}, ours)
    say(product, 502, "progress", node, ours)
    say(product, 503, "status", {"runId": "x", "status": "running"}, "globex")
    with product.websocket() as client:
        client.send(json.dumps({"action": "subscribe", "jobId": "*"}))
        until_briefs(client, (501, "running", False), (502, None, True))
        say(product, 501, "status", {"runId": "a", "status": "failed"}, ours)
        say(product, 504, "progress", {**node, "runId": "cron"}, ours)
        until_briefs(client, (501, "failed", False), (504, None, True))
        with product.websocket() as late:
            late.send(json.dumps({"action": "subscribe", "jobId": "*"}))
            until_briefs(late, (501, "failed", False), (502, None, True), (504, None, True))
            client.send(json.dumps({"action": "unsubscribe", "jobId": "*"}))
            say(product, 503, "status", {"runId": "x", "status": "failed"}, "globex")
            say(product, 505, "status", {"runId": "b", "status": "running"}, ours)
            message = json.loads(late.recv(timeout=20))
            assert message["jobId"] == 505, "the other tenant's job came first"


def test_a_token_that_may_not_read_jobs_is_refused(product: Product) -> None:
    token = product.token(scope="jobs:execute")
    with product.websocket(token) as client:
        client.send(json.dumps({"action": "subscribe", "jobId": "*"}))
        answer = json.loads(client.recv(timeout=20))
    assert (answer["type"], answer["code"]) == ("error", "forbidden")
