"""Streams of ours on a NATS that other people run: made where they are missing, changed only where they must be.

What a stream must be for us to work is in `StreamPlan.must`. All else (replicas, max_bytes, max_age, a description) we
choose when we make the stream; from then on it belongs to the operator. Two marks in a stream's metadata say which
installation made it, and with how many replicas (docs/decisions/streams.md).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from progress_lib.nats.jetstream import NO_STREAM, JetStream, JetStreamError, differing
from progress_lib.nats.link import Link, NatsError, NatsTimeout
from progress_lib.subjects import stream_name

LOG = logging.getLogger(__name__)

REPLICAS = 3  # of a new stream, where the cluster has so many servers: one may be lost
UPDATE_WAIT = 5.0  # seconds; a cluster elects a leader among the new replicas
LOOK_GAP = 60.0  # seconds between two looks, beyond which the time between them does not count
LOOK_WAIT = 1.0  # seconds for the cluster's leader to say which streams there are
OWNER_MARK = "progress.installation"
REPLICAS_MARK = "progress.replicas"  # as we set it: another number is the operator's choice

# Error codes of JetStream
_NAME_IN_USE = 10058  # with another configuration
_NO_PEERS = 10005  # that are alive and have room
_NO_CLUSTER = 10074  # several replicas on a single server
_NO_LEADER = 10008
_BYTES_REQUIRED = 10113
_NO_ROOM = {10002, 10023, 10028, 10047, 10122}
_ADVICE = {
    10039: "enable JetStream for the account of NATS_URL's user",
    10027: "the account may have no further stream: raise its max_streams; PROGRESS and RUNS are needed, TAGGED_RUNS where jobs ask for runners with a tag",
    10026: "leave max_consumers of the account and of the stream at -1",
    10065: "another stream has these subjects: change that one, or set NATS_PREFIX",
    _NO_PEERS: "give the account room on enough servers, or set NATS_REPLICAS=1",
    _NO_CLUSTER: "NATS_REPLICAS needs a cluster of so many servers",
    _NO_LEADER: "fewer than half of the cluster's servers are there",
    10052: "it was made with other rules: delete it, and it is made again",
} | dict.fromkeys(_NO_ROOM, "raise the account's or the server's limit of storage for JetStream")


class NotOurs(JetStreamError):
    """The stream belongs to somebody else, and is left alone. The text says what to do."""


class NotFit(JetStreamError):
    """The stream is ours, and somebody has changed what must be so: the next `open` puts it right."""


class OtherInstallation(NotOurs):
    """The stream belongs to another installation of this product."""


class StreamAway(JetStreamError):
    """The stream is there, and all servers that hold a copy of it are away."""


class OwnerUnknown(JetStreamError):
    """Whose streams are ours is not known at present, so none is used."""


class Owner(Protocol):
    """The installation that makes streams, which is its database."""

    @property
    def mark(self) -> str:
        """What tells it from other installations; "" when it does not care. Raises OwnerUnknown."""
        ...

    def has_made(self, stream: str) -> bool:
        """Whether a stream of this name was noted."""
        ...

    def note_made(self, stream: str) -> None:
        """Notes for good that the stream is its own. Never raises."""
        ...


class Nobody:
    """An owner of any stream, as long as the process lives."""

    mark = ""

    def has_made(self, stream: str) -> bool:
        return False

    def note_made(self, stream: str) -> None:
        pass


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What settings say of all streams of an installation."""

    owner: Owner = field(default_factory=Nobody)
    replicas: int | None = None  # None: REPLICAS, or 1 where that cannot be
    is_own_server: bool = False  # then a mark of another database is one of an earlier database


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One stream. `name` and `subjects` are without a prefix."""

    name: str
    subjects: tuple[str, ...]
    must: Mapping[str, Any]  # is set on a stream of ours that differs
    first: Mapping[str, Any]  # of a new stream
    sizes: tuple[
        int, ...
    ]  # max_bytes of a new stream: the first that the server takes; -1: no limit
    remake_after: float  # seconds without any server that holds a copy
    lost: str  # what is gone when it is made again, as a sentence


class OwnStream:
    """Sees to it that a stream is there and fit. Any thread but a link's callback may call."""

    def __init__(self, link: Link, plan: StreamPlan, rules: StreamRules | None = None) -> None:
        self._link = link
        self._jetstream = JetStream(link)
        self._plan = plan
        self._rules = rules or StreamRules()
        self.name = stream_name(link.prefix, plan.name)
        self._subjects = [link.prefixed(subject) for subject in plan.subjects]
        self._is_known = False  # it was ours when we saw it last
        self.has_replicas = False  # as we saw it last: another server takes over from one that dies
        # The first and the last look; monotonic seconds
        self._away: tuple[float, float] | None = None

    def open(self, timeout: float) -> dict[str, Any]:
        """The answer to STREAM.INFO, once the stream is as it must be; makes it where it is missing.

        Raises NotOurs, StreamAway, another JetStreamError that says what to set, NatsAway, NatsTimeout.
        """
        try:
            info = self._seen(timeout)
        except StreamAway:
            if not self._is_gone_for_good():
                raise
            info = self._made_again(timeout)
        self._away = None
        self.has_replicas = int(info["config"]["num_replicas"]) > 1
        if not self._is_known:
            self._rules.owner.note_made(self.name)
            self._is_known = True
        return info

    def check_ours(self, timeout: float) -> None:
        """Looks, and changes nothing. Raises NotOurs, NotFit, and what keeps the look from an answer, as `open`."""
        info = self._info(timeout)
        if info is None:
            return
        self._check_ours(info["config"])
        if wrong := differing(info["config"], self._plan.must):
            raise NotFit(f"somebody has changed {', '.join(wrong)} of the stream {self.name}")

    def _seen(self, timeout: float) -> dict[str, Any]:
        info = self._info(timeout)
        if info is None:
            info = self._made(timeout)
        self._check_ours(info["config"])
        if info["config"].get("sealed"):
            raise JetStreamError(
                f"the stream {self.name} is sealed, so it takes nothing: delete it, and it is made again"
            )
        info["config"] = self._put_right(info["config"], timeout)
        return self._raised(info)

    # ---- looking

    def _info(self, timeout: float) -> dict[str, Any] | None:
        """None when there is no such stream."""
        try:
            info = self._jetstream.call(f"STREAM.INFO.{self.name}", {}, timeout)
        except NatsTimeout as error:
            raise self._why_silent(error) from error
        except JetStreamError as error:
            if error.code == NO_STREAM:
                return None
            raise advised(error) from error
        if "leader" not in info.get("cluster", {"leader": ""}):
            raise self._is_away()
        return info

    def _why_silent(self, error: NatsTimeout) -> NatsError:
        """A stream answers itself; which streams there are, the cluster's leader says."""
        try:
            names = self._names()
        except JetStreamError as refused:
            return advised(refused)
        except NatsError:
            return error
        return self._is_away() if self.name in names else error

    def _names(self) -> list[str]:
        """The streams over our subjects, as the cluster's leader has them. Raises NatsError."""
        asked = {"subject": self._subjects[0]}
        return self._jetstream.call("STREAM.NAMES", asked, LOOK_WAIT)["streams"] or []

    def _is_away(self) -> StreamAway:
        return StreamAway(
            f"no NATS server answers for the stream {self.name}: those that hold it are away, or are "
            "electing a leader"
        )

    def _check_ours(self, config: dict[str, Any]) -> None:
        name, rules = self.name, self._rules
        if set(config.get("subjects") or ()) != set(self._subjects) or config.get("sources"):
            raise NotOurs(
                f"the stream {name} is somebody else's: it is over "
                f"{', '.join(config.get('subjects') or ['other streams'])}, ours is over "
                f"{', '.join(self._subjects)}; set NATS_PREFIX, or use a NATS account of its own"
            )
        if is_anothers(config, rules):
            raise OtherInstallation(
                f"the stream {name} belongs to another installation, with another database: set "
                "NATS_PREFIX to a name that only this one has; or, where that installation is gone "
                f"for good, delete the stream (nats stream rm {name})"
            )

    # ---- making and changing

    def _made(self, timeout: float) -> dict[str, Any]:
        """Makes the stream: with as many replicas and as much room as the servers give."""
        refused: JetStreamError | None = None
        for config in self._configs():
            if refused is not None and not _may_help(refused, config):
                continue
            try:
                return self._jetstream.call(f"STREAM.CREATE.{self.name}", config, timeout)
            except JetStreamError as error:
                if error.code == _NAME_IN_USE:  # another process has just made it
                    return self._jetstream.call(f"STREAM.INFO.{self.name}", {}, timeout)
                if not _is_too_much(error):
                    raise advised(error) from error
                refused = error
        assert refused is not None
        raise advised(refused) from refused

    def _configs(self) -> Iterator[dict[str, Any]]:
        wanted = self._rules.replicas
        for replicas in (REPLICAS, 1) if wanted is None else (wanted,):
            for size in self._plan.sizes:
                yield {
                    "name": self.name,
                    "subjects": self._subjects,
                    **self._plan.first,
                    **self._plan.must,
                    "max_bytes": size,
                    "num_replicas": replicas,
                    "metadata": self._marks(replicas),
                }

    def _marks(self, replicas: int) -> dict[str, str]:
        owner = self._rules.owner.mark
        return {REPLICAS_MARK: str(replicas), **({OWNER_MARK: owner} if owner else {})}

    def _put_right(self, config: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Changes what must be otherwise, and marks a stream of an earlier version. Returns what is now."""
        wrong = differing(config, self._plan.must)
        marks = marks_of(config)
        owner = self._rules.owner.mark
        if owner and marks.get(OWNER_MARK) != owner:
            kept = marks.get(REPLICAS_MARK, str(config["num_replicas"]))
            marked = {**marks, REPLICAS_MARK: kept, OWNER_MARK: owner}
            wrong["metadata"] = marked
        return self._updated(config, wrong, timeout) if wrong else config

    def _raised(self, info: dict[str, Any]) -> dict[str, Any]:
        """More replicas where the cluster can have them now, unless an operator has chosen the number."""
        config = info["config"]
        now, wanted = int(config["num_replicas"]), self._rules.replicas or REPLICAS
        ours = marks_of(config).get(REPLICAS_MARK, str(now))
        is_chosen = self._rules.replicas is None and ours != str(now)
        if "cluster" not in info or now >= wanted or is_chosen:
            return info
        metadata = {**marks_of(config), REPLICAS_MARK: str(wanted)}
        try:
            more = {"num_replicas": wanted, "metadata": metadata}
            info["config"] = self._updated(config, more, UPDATE_WAIT)
            LOG.info("the stream %s has %d replicas now", self.name, wanted)
        except NatsError as error:  # it works as it is
            level = logging.DEBUG if self._rules.replicas is None else logging.WARNING
            LOG.log(level, "the stream %s keeps its %d replicas: %s", self.name, now, error)
        return info

    def _updated(
        self, config: dict[str, Any], changes: Mapping[str, Any], timeout: float
    ) -> dict[str, Any]:
        wanted = {**config, **changes}
        try:
            answer = self._jetstream.call(f"STREAM.UPDATE.{self.name}", wanted, timeout)
        except JetStreamError as error:
            raise advised(error) from error
        return dict(answer["config"])

    # ---- without its servers

    def _is_gone_for_good(self) -> bool:
        """Whether nobody has had the stream at each look for so long that it is made again.

        Only one that is known as ours, in a cluster: a single server that answers at all has it. While the cluster has
        no leader nothing counts: the stream's servers may come back with those that it lacks.
        """
        if not self._has_cluster_leader():
            self._away = None
            return False
        now = time.monotonic()
        first, last = self._away or (now, now)
        self._away = (first if now - last <= LOOK_GAP else now, now)
        if not self._link.is_clustered or now - self._away[0] < self._plan.remake_after:
            return False
        return self._is_known or self._rules.owner.has_made(self.name)

    def _has_cluster_leader(self) -> bool:
        try:
            self._names()
        except NatsError:
            return False
        return True

    def _made_again(self, timeout: float) -> dict[str, Any]:
        try:
            self._jetstream.call(f"STREAM.DELETE.{self.name}", {}, LOOK_WAIT)
        except NatsTimeout:
            pass  # nobody is there to answer; the cluster's leader has taken it out all the same
        except JetStreamError as error:
            if error.code != NO_STREAM:  # another process was quicker
                raise advised(error) from error
        text = "all NATS servers with the stream %s have been away for %g s: it is made again; %s"
        LOG.warning(text, self.name, self._plan.remake_after, self._plan.lost)
        return self._seen(timeout)


def is_anothers(config: Mapping[str, Any], rules: StreamRules) -> bool:
    """Whether the stream is marked as another installation's. Raises OwnerUnknown."""
    found, mark = marks_of(config).get(OWNER_MARK), rules.owner.mark
    return bool(found and mark and found != mark and not rules.is_own_server)


def marks_of(config: Mapping[str, Any]) -> dict[str, str]:
    """A stream's metadata."""
    return dict(config.get("metadata") or {})


def advised(error: JetStreamError) -> JetStreamError:
    """The same error with what an operator may set, where we know it."""
    advice = _ADVICE.get(error.code)
    return JetStreamError(f"{error}; {advice}", error.code) if advice else error


def _is_too_much(error: JetStreamError) -> bool:
    """Whether less may be granted: of bytes, or of replicas."""
    return error.code in {*_NO_ROOM, _NO_PEERS, _NO_CLUSTER, _BYTES_REQUIRED}


def _may_help(refused: JetStreamError, config: Mapping[str, Any]) -> bool:
    """Whether a next configuration differs in what was refused: fewer bytes do not make up for servers."""
    lacks_servers = refused.code == _NO_CLUSTER or (
        refused.code == _NO_PEERS and "storage" not in str(refused)
    )
    return not lacks_servers or config["num_replicas"] == 1
