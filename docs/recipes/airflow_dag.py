"""An Airflow DAG: each task is a node. Tasks are processes, perhaps on several machines, so each has a reporter."""

import os

from airflow.sdk import dag, task

from progress_lib import ProgressReporter, track


def reporter() -> ProgressReporter:
    """Without a run's name: no task begins or ends the run. Pages show it as ended while no task runs."""
    return ProgressReporter(os.environ["NATS_URL"], "default", 42, run_id="")


@dag(schedule=None, max_active_runs=1)  # a job has one run at a time
def orders():
    @task
    def load() -> list[int]:
        with reporter() as told:
            return [n * 2 for n in track(range(1_000), told, node_id=1, node_name="Load")]

    @task
    def send(numbers: list[int]) -> int:
        with reporter() as told, told.node(2, "Send", total=len(numbers)) as node:
            for number in numbers:
                if number < 0:
                    raise ValueError(
                        f"{number} is negative"
                    )  # the node fails, and so does the task
                node.advance()
        return len(numbers)

    send(load())


made = orders()

if __name__ == "__main__":
    raise SystemExit(made.test().state != "success")
