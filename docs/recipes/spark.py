"""A Spark job: each stage is a node, its tasks are what is counted. Runs in the driver; the cluster needs nothing."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from progress_lib import Node, ProgressReporter

PERIOD = 0.2  # seconds between two looks at the stages
GROUP = "progress"  # of the Spark jobs that are watched


@contextmanager
def watched(spark: SparkSession, reporter: ProgressReporter) -> Iterator[None]:
    """Reports the stages of all that this thread asks of Spark in the block."""
    spark.sparkContext.setJobGroup(GROUP, "watched")
    over, nodes = threading.Event(), {}
    watch = threading.Thread(target=follow, args=(spark, reporter, nodes, over), daemon=True)
    watch.start()
    error = None
    try:
        yield
    except BaseException as caught:
        error = caught
        raise
    finally:
        over.set()
        watch.join()
        for node in nodes.values():
            # what has done all its tasks was not at fault
            node.end(None if node.row_count == node.row_total else error)


def follow(
    spark: SparkSession,
    reporter: ProgressReporter,
    nodes: dict[int, Node],
    over: threading.Event,
) -> None:
    tracker = spark.sparkContext.statusTracker()
    is_last = False
    while not is_last:
        is_last = over.wait(PERIOD)
        for job_id in sorted(tracker.getJobIdsForGroup(GROUP)):
            job = tracker.getJobInfo(job_id)
            for stage_id in sorted(job.stageIds) if job else []:
                stage = tracker.getStageInfo(stage_id)
                if stage is None or not (stage.numActiveTasks or stage.numCompletedTasks):
                    continue  # it waits, or Spark has its result already
                if stage_id not in nodes:
                    nodes[stage_id] = reporter.node(None, f"{stage.name}", stage.numTasks)
                    nodes[stage_id].begin()
                nodes[stage_id].row_count = stage.numCompletedTasks


def main() -> None:
    spark = SparkSession.builder.appName("orders").getOrCreate()
    url = os.environ["NATS_URL"]
    reporter = ProgressReporter(url, "default", 42, announces_run=True)
    with reporter, watched(spark, reporter):
        orders = spark.range(4_000_000, numPartitions=16).withColumn("shop", F.col("id") % 7)
        print(orders.groupBy("shop").agg(F.sum("id")).orderBy("shop").collect()[0])
    spark.stop()


if __name__ == "__main__":
    main()
