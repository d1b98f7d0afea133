"""Our streams on a NATS that other people run: what is theirs stays, and what we need is there, or a sentence says what to set."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.work import run_queue
from jobs.work.announcements import Announcer, status_announcement
from jobs.work.run_queue import QueueUnavailable, RunQueue
from progress_lib.nats.jetstream import JetStream, JetStreamError
from progress_lib.nats.link import Link, NatsError
from progress_lib.nats.streams import (
    NotFit,
    OtherInstallation,
    OwnStream,
    StreamAway,
    StreamPlan,
    StreamRules,
)
from progress_lib.subjects import progress_subject
from realtime.bridge import stream as progress_stream
from tests.harness import NatsServer, eventually, linked
from tests.jobs.conftest import record
from tests.servers.cluster import Cluster, running_cluster

WAIT = 5.0  # seconds for one answer of JetStream
ELECTION = 30.0  # seconds for servers on a crowded machine to elect a leader

OWN_CHOICE = {"max_bytes": 1 << 20, "description": "ours", "max_age": 3600 * 10**9}


class Named:
    """An installation of a name, which remembers its streams."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.made: set[str] = set()

    def has_made(self, stream: str) -> bool:
        return stream in self.made

    def note_made(self, stream: str) -> None:
        self.made.add(stream)


PLANS = [run_queue.PLAN, progress_stream.PLAN]


def config_of(link: Link, name: str) -> dict[str, Any]:
    return dict(JetStream(link).call(f"STREAM.INFO.{name}", {}, WAIT)["config"])


def change(link: Link, name: str, **changes: Any) -> None:
    JetStream(link).call(f"STREAM.UPDATE.{name}", {**config_of(link, name), **changes}, WAIT)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_what_an_operator_changed_stays(link: Link, plan: StreamPlan) -> None:
    OwnStream(link, plan, StreamRules(Named("a"))).open(WAIT)
    change(link, plan.name, **OWN_CHOICE)
    before = config_of(link, plan.name)
    OwnStream(link, plan, StreamRules(Named("a"))).open(WAIT)  # as after a restart
    assert config_of(link, plan.name) == before
    assert before.items() >= OWN_CHOICE.items()


def test_only_what_must_be_otherwise_is_changed_in_a_stream_of_an_earlier_version(
    link: Link,
) -> None:
    old = {"name": "PROGRESS", "subjects": progress_stream.PLAN.subjects, **OWN_CHOICE}
    JetStream(link).call("STREAM.CREATE.PROGRESS", old)
    before = config_of(link, "PROGRESS")
    OwnStream(link, progress_stream.PLAN, StreamRules(Named("a"))).open(WAIT)
    after = config_of(link, "PROGRESS")
    differs = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    assert differs == {"no_ack", "metadata"}
    assert after["no_ack"] is True


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_what_must_be_so_is_put_right_whatever_was_set_beside_it(
    link: Link, plan: StreamPlan
) -> None:
    """`discard_new_per_subject` had to be undone by hand; what a transform names otherwise was nobody's."""
    stream = OwnStream(link, plan)
    before = stream.open(WAIT)["config"]
    stream.check_ours(WAIT)
    each = {"discard": "new", "discard_new_per_subject": True, "max_msgs_per_subject": 5}
    numbers = range(1, len(plan.subjects[0].split("*")))
    to = ".".join(f"{{{{wildcard({number})}}}}" for number in numbers)
    change(
        link, plan.name, **each, subject_transform={"src": plan.subjects[0], "dest": f"old.{to}"}
    )
    with pytest.raises(NotFit, match=rf"changed .*subject_transform of the stream {plan.name}"):
        stream.check_ours(WAIT)
    after = stream.open(WAIT)["config"]
    assert {**after, "max_msgs_per_subject": 0} == {**before, "max_msgs_per_subject": 0}


def test_an_operators_consumer_stays(link: Link) -> None:
    queue = RunQueue(link)
    assert queue.take(0.1) is None
    config = JetStream(link).call("CONSUMER.INFO.RUNS.runners", {})["config"]
    changed = {**config, "description": "ours", "max_ack_pending": 77, "backoff": [10**9]}
    request = {"stream_name": "RUNS", "config": changed}
    JetStream(link).call("CONSUMER.CREATE.RUNS.runners", request)
    assert RunQueue(link).take(0.1) is None
    now = JetStream(link).call("CONSUMER.INFO.RUNS.runners", {})["config"]
    assert now == {**config, "description": "ours", "max_ack_pending": 77}


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_somebody_elses_stream_of_our_name_is_left_alone(link: Link, plan: StreamPlan) -> None:
    theirs = {"name": plan.name, "subjects": ["other.>"], "description": "of billing"}
    JetStream(link).call(f"STREAM.CREATE.{plan.name}", theirs)
    before = config_of(link, plan.name)
    with pytest.raises(JetStreamError, match=r"is over other\.>.*set NATS_PREFIX"):
        OwnStream(link, plan, StreamRules(Named("a"))).open(WAIT)
    assert config_of(link, plan.name) == before


def test_subjects_that_another_stream_has_are_told(link: Link) -> None:
    JetStream(link).call("STREAM.CREATE.ALL", {"name": "ALL", "subjects": ["tenant.>"]})
    with pytest.raises(JetStreamError, match="another stream has these subjects"):
        OwnStream(link, progress_stream.PLAN).open(WAIT)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_another_installation_is_refused_until_it_has_a_prefix(
    nats_server: NatsServer, link: Link, plan: StreamPlan
) -> None:
    OwnStream(link, plan, StreamRules(Named("a"))).open(WAIT)
    before = config_of(link, plan.name)
    with pytest.raises(OtherInstallation, match=r"another installation.*NATS_PREFIX"):
        OwnStream(link, plan, StreamRules(Named("b"))).open(WAIT)
    assert config_of(link, plan.name) == before
    second = Link(nats_server.url, name="second", prefix="second")
    second.start()
    try:
        OwnStream(second, plan, StreamRules(Named("b"))).open(WAIT)
    finally:
        second.close()
    assert config_of(link, f"second_{plan.name}")["subjects"] == [
        f"second.{subject}" for subject in plan.subjects
    ]


def test_a_stream_of_yours_may_have_ours_as_its_source(link: Link) -> None:
    """As docs/nats.md says; a second stream over the same subjects is refused by NATS."""
    OwnStream(link, progress_stream.PLAN).open(WAIT)
    archive = {"name": "ARCHIVE", "sources": [{"name": "PROGRESS"}]}
    JetStream(link).call("STREAM.CREATE.ARCHIVE", archive)
    link.publish(progress_subject("default", 1), b"{}")

    def kept() -> int:
        return int(JetStream(link).call("STREAM.INFO.ARCHIVE", {})["state"]["messages"])

    eventually(lambda: kept() == 1, what="the archive has it, too")


def test_an_own_server_outlives_its_database(link: Link) -> None:
    OwnStream(link, run_queue.PLAN, StreamRules(Named("a"))).open(WAIT)
    OwnStream(link, run_queue.PLAN, StreamRules(Named("b"), is_own_server=True)).open(WAIT)
    with pytest.raises(OtherInstallation):
        OwnStream(link, run_queue.PLAN, StreamRules(Named("a"))).open(WAIT)


# ---------------------------------------------------------------- limits

StartLimited = Callable[[str], Link]


@pytest.fixture
def start_limited(tmp_path: Path) -> Iterator[StartLimited]:
    """A link to a server whose one account has limits of JetStream."""
    server = NatsServer(tmp_path / "nats")
    links: list[Link] = []

    def start(limits: str) -> Link:
        config = tmp_path / "nats.conf"
        users = "users: [{ user: progress, password: pw }]"
        config.write_text(f"accounts {{ A: {{ {users}, jetstream: {{ {limits} }} }} }}\n")
        server.extra = ("-c", str(config))
        server.start()
        link = Link(server.url.replace("//", "//progress:pw@"), name="limited")
        links.append(link)
        link.start()
        assert link.wait_up(WAIT)
        return link

    yield start
    for link in links:
        link.close()
    server.stop()


@pytest.mark.parametrize(
    ("limits", "runs", "progress"),
    [
        ("max_file: 5G, max_bytes_required: true", 4 << 20, 2 << 30),
        ("max_file: 5G, disk_max_stream_bytes: 1G", -1, 1 << 29),
        ("max_file: 100M, max_bytes_required: true, max_ack_pending: 1000", 4 << 20, 64 << 20),
    ],
)
def test_an_account_with_limits_works(
    start_limited: StartLimited, limits: str, runs: int, progress: int
) -> None:
    link = start_limited(limits)
    queue = RunQueue(link)
    assert queue.take(0.1) is None
    assert queue.state() == "ok"
    assert OwnStream(link, progress_stream.PLAN).open(WAIT)["config"]["max_bytes"] == progress
    assert config_of(link, "RUNS")["max_bytes"] == runs


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (
            "max_file: 5G, max_streams: 1",
            r"maximum number of streams reached.*raise its max_streams",
        ),
        ("max_mem: 1G, max_file: 0", r"insufficient storage.*limit of storage"),
    ],
)
def test_what_an_account_does_not_allow_is_told_with_what_to_set(
    start_limited: StartLimited, limits: str, sentence: str
) -> None:
    link = start_limited(limits)
    if "max_streams" in limits:
        OwnStream(link, progress_stream.PLAN).open(WAIT)  # the queue comes second
    with pytest.raises(QueueUnavailable, match=sentence):
        RunQueue(link).check()
    assert RunQueue(link).state().startswith("the work queue cannot be used: JetStream refused")


def test_an_account_with_two_streams_queues_all_but_runs_for_tags(
    start_limited: StartLimited,
) -> None:
    link = start_limited("max_file: 5G, max_streams: 2")
    OwnStream(link, progress_stream.PLAN).open(WAIT)
    queue = RunQueue(link)
    queue.check()
    with pytest.raises(QueueUnavailable, match=r"max_streams.*TAGGED_RUNS where jobs ask"):
        queue.check("gpu")
    assert queue.state() == "ok"


def test_replicas_that_a_single_server_cannot_have_are_told(link: Link) -> None:
    with pytest.raises(JetStreamError, match="NATS_REPLICAS needs a cluster"):
        OwnStream(link, progress_stream.PLAN, StreamRules(replicas=3)).open(WAIT)


# ---------------------------------------------------------------- a cluster


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Iterator[Cluster]:
    """Three nodes that work, without our streams."""
    shared_cluster.start()
    yield shared_cluster
    shared_cluster.start()
    with linked(shared_cluster.url) as link:
        for name in JetStream(link).call("STREAM.NAMES", {}, WAIT)["streams"] or []:
            with contextlib.suppress(JetStreamError):  # one that was just deleted may be named yet
                JetStream(link).call(f"STREAM.DELETE.{name}", {}, WAIT)


@pytest.mark.parametrize(("tag", "stream"), [(None, "RUNS"), ("gpu", "TAGGED_RUNS")])
def test_in_a_cluster_of_three_a_run_is_taken_with_one_node_down(
    cluster: Cluster, tmp_path: Path, tag: str | None, stream: str
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'progress.db'}")
    store.open()
    with linked(cluster.url) as link:
        queue = RunQueue(link, rules=StreamRules(store.installation), takes=(tag,))
        queue.check(tag)
        assert config_of(link, stream)["num_replicas"] == 3
        cluster.nodes[cluster.leader_of(link, stream)].kill()
        state = queue.state if tag is None else queue.tagged_state
        eventually(lambda: state() == "ok", ELECTION, what="another node leads the queue")
        run = record(store, tag=tag)
        queue.put(run)
        claim = eventually(lambda: taken(queue), ELECTION, what="the run is taken")
        assert claim == run.run_id
    store.close()


def taken(queue: RunQueue) -> str | None:
    try:
        claim = queue.take(1.0)
    except QueueUnavailable:
        return None
    return claim.run_id if claim else None


def test_an_end_that_is_announced_while_the_history_has_no_leader_is_in_it_all_the_same(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Nobody kept it, and no browser heard it: a run that had completed ran for ever on the page."""
    store = Store(f"sqlite:///{tmp_path / 'progress.db'}")
    store.open()
    with linked(cluster.url) as link:
        OwnStream(link, progress_stream.PLAN, StreamRules(store.installation)).open(WAIT)
        leader = cluster.leader_of(link, "PROGRESS")
    another = next(node for name, node in cluster.nodes.items() if name != leader)
    run = record(store)
    with linked(another.url) as link:
        eventually(lambda: link.is_clustered, what="the server says that it is one of several")
        cluster.nodes[leader].kill()
        announcer = Announcer(link)
        end = status_announcement(run, RunStatus.COMPLETED)
        announcer.announce(end)
        assert announcer.close(ELECTION), "it still waits"
        asked = {"last_by_subj": end.subject}
        kept = JetStream(link).call("STREAM.MSG.GET.PROGRESS", asked, WAIT)["message"]
    assert base64.b64decode(kept["data"]) == end.payload
    store.close()


def test_links_spread_over_the_servers(cluster: Cluster) -> None:
    links = [Link(cluster.url, name=f"spread-{number}") for number in range(30)]
    for link in links:
        link.start()
    try:
        assert all(link.wait_up(WAIT) for link in links)
        ports = {link._connection._socket.getpeername()[1] for link in links if link._connection}
        assert ports == {node.port for node in cluster.nodes.values()}
    finally:
        for link in links:
            link.close()


def test_where_no_server_has_room_for_a_stream_it_is_smaller(cluster: Cluster) -> None:
    plan = replace(progress_stream.PLAN, sizes=(1 << 50, 1 << 20))
    with linked(cluster.url) as link:
        config = OwnStream(link, plan).open(WAIT)["config"]
        assert (config["max_bytes"], config["num_replicas"]) == (1 << 20, 3)


def test_replicas_are_raised_where_we_chose_them_and_stay_where_an_operator_did(
    cluster: Cluster,
) -> None:
    rules = StreamRules(Named("a"))
    with linked(cluster.url) as link:
        OwnStream(link, run_queue.PLAN, replace(rules, replicas=1)).open(WAIT)
        assert config_of(link, "RUNS")["num_replicas"] == 1
        OwnStream(link, run_queue.PLAN, rules).open(WAIT)
        assert config_of(link, "RUNS")["num_replicas"] == 3
        change(link, "RUNS", num_replicas=1)
        OwnStream(link, run_queue.PLAN, rules).open(WAIT)
        assert config_of(link, "RUNS")["num_replicas"] == 1, "an operator has chosen it"
        OwnStream(link, run_queue.PLAN, replace(rules, replicas=3)).open(WAIT)
        assert config_of(link, "RUNS")["num_replicas"] == 3, "NATS_REPLICAS is a later word"


def test_a_stream_whose_only_node_is_gone_for_good_is_made_again(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    owner = Named("a")
    rules = StreamRules(owner, replicas=1)
    with linked(cluster.url) as link:
        OwnStream(link, run_queue.PLAN, rules).open(WAIT)
        name = cluster.leader_of(link, "RUNS")
        cluster.nodes[name].kill()
        cluster.forget(name)
        stranger = OwnStream(
            link, replace(run_queue.PLAN, remake_after=0.0), StreamRules(Named("b"))
        )
        away = eventually(lambda: why_away(stranger), ELECTION, what="the cluster has noticed")
        assert "no NATS server answers for the stream RUNS" in away
        patient = RunQueue(link, rules=rules)
        seen = eventually(lambda: re.search("are away", patient.state()), what="it is told")
        assert seen, "a node that starts again soon keeps its stream"
        quick = OwnStream(link, replace(run_queue.PLAN, remake_after=0.01), rules)
        eventually(lambda: reopened(quick), ELECTION, what="the stream is made again")
        assert "nothing is lost" in caplog.text
        assert config_of(link, "RUNS")["metadata"]["progress.installation"] == "a"
        patient.check()


def test_a_stream_is_not_made_again_for_the_time_in_which_its_cluster_had_no_leader(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its servers come back with the quorum: a history of 24 h was deleted in that moment."""
    stream = OwnStream(
        link, replace(progress_stream.PLAN, remake_after=0.0), StreamRules(Named("a"))
    )
    made, asked, answers = stream.open(WAIT)["created"], JetStream.call, ["none", "none", "away"]

    def call(jetstream: JetStream, verb: str, *rest: Any) -> Any:
        if verb.startswith("STREAM.INFO") and answers:
            return {"cluster": {}}  # no leader, as where its servers are away
        if verb == "STREAM.NAMES" and answers.pop(0) == "none":
            raise JetStreamError("JetStream system temporarily unavailable", 10008)
        return asked(jetstream, verb, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Link, "is_clustered", True)
        patched.setattr(JetStream, "call", call)
        for _ in range(2):
            with pytest.raises(StreamAway):
                stream.open(WAIT)
        assert answers == ["away"]
        assert stream.open(WAIT)["created"] != made, "its servers alone are away"


def why_away(stream: OwnStream) -> str:
    try:
        stream.open(1.0)
    except StreamAway as error:
        return str(error)
    except NatsError:  # the killed node led all of JetStream, too
        return ""
    raise AssertionError("the stream is there")


def reopened(stream: OwnStream) -> bool:
    try:
        stream.open(1.0)
    except NatsError:  # the killed node led all of JetStream, too
        return False
    return True
