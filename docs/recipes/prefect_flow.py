"""A Prefect flow: the flow is the run, and each task a node. Its tasks are threads of one process."""

import os

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from progress_lib import ProgressReporter, track


@task(cache_policy=NO_CACHE)  # a reporter cannot be part of a cache key
def load(told: ProgressReporter) -> list[int]:
    return [n * 2 for n in track(range(1_000), told, node_id=1, node_name="Load")]


@task(cache_policy=NO_CACHE)  # a reporter cannot be part of a cache key
def send(told: ProgressReporter, numbers: list[int]) -> int:
    with told.node(2, "Send", total=len(numbers)) as node:
        for _ in numbers:
            node.advance()
    return len(numbers)


@flow
def orders() -> int:
    with ProgressReporter(os.environ["NATS_URL"], "default", 42, announces_run=True) as told:
        return send(told, load(told))


if __name__ == "__main__":
    assert orders() == 1_000
