"""A Dagster job: each op is a node. Ops may be processes of their own, so each has a reporter."""

import os

from dagster import job, op

from progress_lib import ProgressReporter, track


def reporter() -> ProgressReporter:
    """Without a run's name: no op begins or ends the run. Pages show it as ended while no op runs."""
    return ProgressReporter(os.environ["NATS_URL"], "default", 42, run_id="")


@op
def load() -> list[int]:
    with reporter() as told:
        return [n * 2 for n in track(range(1_000), told, node_id=1, node_name="Load")]


@op
def send(numbers: list[int]) -> int:
    with reporter() as told, told.node(2, "Send", total=len(numbers)) as node:
        for _ in numbers:
            node.advance()
    return len(numbers)


@job
def orders() -> None:
    send(load())


if __name__ == "__main__":
    raise SystemExit(not orders.execute_in_process().success)
