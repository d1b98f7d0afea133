"""Where a run's files are, and the environment that its program gets."""

import os
from collections.abc import Mapping
from pathlib import Path

from jobs.records import Run
from progress_lib.subjects import check_id

ROOT = Path(__file__).resolve().parent.parent  # holds progress_lib
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")


class RunFiles:
    """The directory DATA_DIR/runs/<runId> of one run."""

    def __init__(self, data_dir: Path, run_id: str) -> None:
        self.directory = data_dir / "runs" / check_id(run_id)
        self.program = self.directory / "program.py"
        self.log = self.directory / "log.txt"

    def write_program(self, text: str) -> None:
        """Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.program.write_text(text, encoding="utf-8")


def program_environment(
    run: Run, nats_url: str, data_dir: Path, ours: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """What a program may know: where to report, who it is, its connections. Nothing else of ours."""
    return {
        **reading_environment(data_dir, ours),
        "NATS_URL": nats_url,
        "TENANT_ID": run.tenant_id,
        "JOB_ID": str(run.job_id),
        "RUN_ID": run.run_id,
    }


def reading_environment(data_dir: Path, ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The part of it that a program needs to find its data, and no more."""
    passed_on = {name: ours[name] for name in _PASSED_ON if name in ours}
    connections = {k: v for k, v in ours.items() if k.startswith("CONNECTION_")}
    return {
        "LANG": "C.UTF-8",
        **passed_on,
        **connections,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "DATA_DIR": str(data_dir.resolve()),
    }


def run_mark(run_id: str) -> str:
    """The entry of a program's environment by which its processes are found."""
    return f"RUN_ID={run_id}"
