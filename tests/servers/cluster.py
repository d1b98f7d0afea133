"""A JetStream cluster of real nats-servers on 127.0.0.1, whose nodes a test may kill."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link, NatsError
from tests.harness import NatsServer, eventually, free_ports, linked

NODES = 3
CLUSTER_WAIT = 60.0  # seconds until servers that share two processors have elected a leader


class Cluster:
    """`NODES` servers that know each other, by the names n1, n2 …"""

    def __init__(self, directory: Path, nodes: int = NODES) -> None:
        ports = free_ports(2 * nodes)
        routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports[nodes:])
        self.nodes = {
            f"n{number}": NatsServer(
                directory / f"n{number}",
                port=ports[number - 1],
                extra=(
                    *("-n", f"n{number}", "--cluster_name", "three", "--routes", routes),
                    *("--cluster", f"nats://127.0.0.1:{ports[nodes + number - 1]}"),
                ),
            )
            for number in range(1, nodes + 1)
        }

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes.values())

    def start(self) -> None:
        """Starts those that do not run, and waits until JetStream answers with all of them."""
        for node in self.nodes.values():
            if not node.is_running:
                node.start()
        with linked(self.url) as link:
            eventually(lambda: self._is_whole(link), CLUSTER_WAIT, what="the cluster is whole")

    def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()

    def forget(self, name: str) -> None:
        """Deletes what a node that was killed has stored, as a lost disk does."""
        shutil.rmtree(self.nodes[name].directory / "jetstream")

    def leader_of(self, link: Link, stream: str) -> str:
        """The node that leads a stream."""
        told = JetStream(link).call(f"STREAM.INFO.{stream}", {})
        return str(told["cluster"]["leader"])

    def all_serve(self, link: Link, *streams: str) -> bool:
        """Whether each stream has a leader, and all that the others store."""
        try:
            told = [JetStream(link).call(f"STREAM.INFO.{stream}", {}) for stream in streams]
        except NatsError:
            return False
        followers = [each["cluster"].get("replicas", ()) for each in told]
        return all(each["cluster"].get("leader") for each in told) and all(
            follower["current"] for stream in followers for follower in stream
        )

    def _is_whole(self, link: Link) -> bool:
        """Whether a stream with a copy on each node can be made."""
        jetstream = JetStream(link)
        config: dict[str, Any] = {"name": "WHOLE", "subjects": ["whole"], "storage": "memory"}
        with contextlib.suppress(NatsError):
            jetstream.call("STREAM.CREATE.WHOLE", {**config, "num_replicas": len(self.nodes)})
            jetstream.call("STREAM.DELETE.WHOLE", {})
            return True
        return False


@contextlib.contextmanager
def running_cluster(directory: Path, nodes: int = NODES) -> Iterator[Cluster]:
    cluster = Cluster(directory, nodes)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
