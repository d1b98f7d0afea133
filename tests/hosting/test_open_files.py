"""The limit on open files of a server, as the shell that starts it may have it."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from tests.harness import ROOT, StartProduct


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_worker_may_have_the_clients_that_it_is_to_have_whatever_its_shell_allows(
    start_product: StartProduct, worker_class: str
) -> None:
    """Clients beyond the shell's 1,024 waited for an answer and got none, not the 503 of MAX_CLIENTS."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        product = start_product(
            worker_class=worker_class, SAMPLE_ORDERS="0", RUNNER="off", MAX_CLIENTS="600"
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    allowed, _ = resource.prlimit(product.worker_pid, resource.RLIMIT_NOFILE)
    assert allowed > 600


@pytest.mark.parametrize(("hard", "said"), [(300, "may open 300 files only"), (2_000, "")])
def test_a_limit_that_cannot_be_raised_is_told(hard: int, said: str) -> None:
    code = "from hosting.open_files import allow; print(allow(1_000))"
    limits = f"ulimit -Sn 200 && ulimit -Hn {hard}"
    limited = f"{limits} && exec {sys.executable} -c '{code}'"
    done = subprocess.run(
        ["bash", "-c", limited], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert said in done.stdout
    assert bool(done.stdout.strip()) is bool(said)
