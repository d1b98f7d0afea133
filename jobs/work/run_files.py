"""The files of a run, and where they are."""

import contextlib
import os
import re
import shutil
from pathlib import Path

from progress_lib.subjects import check_id

# Files of rows that a program gathers (program_lib/spool.py), which removes them itself
SPOOLED = "duckdb_temp_*"
LOG = "log.txt"
MAX_LAST_WORDS = 64 * 1024 * 1024  # bytes; reporters of 10,000 nodes write far less


_RUN_ID = re.compile("[0-9a-f]{32}")


def all_runs(data_dir: Path) -> Path:
    return data_dir / "runs"


def run_directories(data_dir: Path) -> list[str]:
    """The runs that have a directory here; what a file system or a person put beside them (lost+found) is none."""
    return [path.name for path in all_runs(data_dir).glob("*") if _RUN_ID.fullmatch(path.name)]


def sizes_of_runs(data_dir: Path) -> dict[str, int]:
    """Bytes of all logs of runs here, and of all else that lies beside them."""
    sizes = {"logs": 0, "files": 0}
    for directory, _, names in os.walk(all_runs(data_dir)):
        for name in names:
            with contextlib.suppress(OSError):  # it may go while we look
                size = os.lstat(os.path.join(directory, name)).st_size
                sizes["logs" if name == LOG else "files"] += size
    return sizes


class RunFiles:
    """The directory DATA_DIR/runs/<runId> of one run."""

    def __init__(self, data_dir: Path, run_id: str) -> None:
        self.directory = all_runs(data_dir) / check_id(run_id)
        self.program = self.directory / "program.py"
        self.log = self.directory / LOG
        self.last_words = self.directory / "last_words.jsonl"

    def remove(self) -> None:
        """Deletes all of them; harmless when repeated."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def write_program(self, text: str) -> None:
        """Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.program.write_text(text, encoding="utf-8")

    def remove_spooled(self) -> None:
        """Removes the rows that a killed program had gathered. Raises OSError."""
        for file in self.directory.glob(SPOOLED):
            file.unlink(missing_ok=True)

    def read_last_words(self) -> list[bytes] | None:
        """The last progress payload of each node, as the program's reporter left it; None when it left none."""
        try:
            with self.last_words.open("rb") as file:
                return file.read(MAX_LAST_WORDS).splitlines()
        except OSError:
            return None


RUN_VARIABLE = "RUN_ID"


def run_mark(run_id: str) -> str:
    """The entry of a program's environment by which its processes are found."""
    return f"{RUN_VARIABLE}={run_id}"
