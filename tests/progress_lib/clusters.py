"""A cluster of dask for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import LocalCluster


@contextmanager
def local_cluster(directory: Path) -> Iterator[LocalCluster]:
    """A scheduler and a worker of two threads in this process; each listens on a free port of 127.0.0.1.

    `directory`: for what dask, its clients, too, would leave in /tmp.
    """
    with (
        dask.config.set({"temporary-directory": str(directory)}),
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            host="127.0.0.1",
            protocol="tcp",
            dashboard_address="127.0.0.1:0",  # None takes port 8787
        ) as cluster,
    ):
        yield cluster
