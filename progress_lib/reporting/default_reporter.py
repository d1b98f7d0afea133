"""The reporter that the environment describes, for programs that name none."""

from __future__ import annotations

import os
import threading
import uuid
from functools import cache

from progress_lib.reporting.environment import nats_url, run_id_of, tenant_id
from progress_lib.reporting.reporter import ProgressReporter

# A child that is forked while a thread makes the reporter would wait for a thread that it does not have.
_LOCK = threading.Lock()
os.register_at_fork(
    before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
)


def default_reporter() -> ProgressReporter | None:
    """One reporter for the whole process, made when first asked for; None where `JOB_ID` is not set.

    `NATS_URL` (nats://127.0.0.1:4222), `NATS_PREFIX`, `NATS_CA_FILE`, `NATS_CERT_FILE`, `NATS_KEY_FILE`, `TENANT_ID` (default),
    `JOB_ID`, `RUN_ID`, as our runner sets them for its programs. A `RUN_ID` that is missing is made up and set, so that what the program starts from then on reports into the
    same run. The reporter closes when the program ends. Any thread.
    """
    if not os.environ.get("JOB_ID"):
        return None
    with _LOCK:
        return _made()


@cache
def _made() -> ProgressReporter:
    job_id = os.environ["JOB_ID"]
    run_id = run_id_of(job_id) or uuid.uuid4().hex
    os.environ["RUN_ID"] = run_id
    return ProgressReporter(nats_url(), tenant_id(), job_id, run_id=run_id)
