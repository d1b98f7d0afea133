"""A cluster of dask for tests."""

from __future__ import annotations

from pathlib import Path

from distributed import LocalCluster


def local_cluster(directory: Path) -> LocalCluster:
    """A scheduler and a worker of two threads in this process; each listens on a free port of 127.0.0.1."""
    return LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        local_directory=str(directory),
        dashboard_address="127.0.0.1:0",  # None takes port 8787
    )
