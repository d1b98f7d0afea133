"""What a program's environment says of outputs that it keeps, and of those that it begins with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.graph.documents.again import Again
from jobs.work.run_files import RunFiles, place_of_runs
from settings.defaults import KeptOutputs, ProgramLimits

KEEP, AGAIN = "KEEP_OUTPUTS", "RUN_AGAIN"  # as program_lib/kept/again.py has them
MB = 1 << 20


class KeptElsewhere(Exception):
    """What a run is to begin with lies on another machine, or is deleted. The text says so to its tenant."""


@dataclass(frozen=True, slots=True)
class KeptVariables:
    """Variables of a program, and what it may read for them."""

    variables: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[Path, ...] = ()

    def __or__(self, other: KeptVariables) -> KeptVariables:
        return KeptVariables({**self.variables, **other.variables}, self.reads + other.reads)


def keeping(
    files: RunFiles, tenant_id: str, settings: KeptOutputs, limits: ProgramLimits, used: int
) -> KeptVariables:
    """Lets a program keep what its nodes give. `used`: bytes that runs of its tenant kept before. Raises OSError."""
    room = max(0, settings.tenant_mb * MB - used)
    node = settings.node_mb * MB
    if limits.file_mb:  # beyond that, a write would count as the program's own fault
        node = min(node, limits.file_mb * MB - MB)
    told: dict[str, Any] = {
        "directory": str(files.make_kept(tenant_id)),
        "nodeBytes": node,
        "runBytes": min(settings.run_mb * MB, room),
    }
    if room < settings.run_mb * MB:
        told["full"] = f"all that may be kept of this tenant is {settings.tenant_mb:,} MB"
    return KeptVariables({KEEP: json.dumps(told)})


def beginning(data_dir: Path, tenant_id: str, again: Again) -> KeptVariables:
    """Lets a program begin with what a run before kept. Raises KeptElsewhere, OSError."""
    before = RunFiles(data_dir, again.run_id)
    directory = before.kept(tenant_id).resolve()
    if again.place != place_of_runs(data_dir):
        raise KeptElsewhere(
            f"what run {again.run_id} kept lies on another machine than the runner that took this run: with "
            "several machines, share DATA_DIR between them, or give the job a tag that the runner there has"
        )
    if missing := [number for number in again.read if not before.has_kept(tenant_id, number)]:
        raise KeptElsewhere(
            f"what run {again.run_id} kept of node {missing[0]} is not there any more: execute the whole job"
        )
    nodes = {
        str(number): {"rows": stands.rows, "isRead": stands.is_read}
        for number, stands in again.nodes.items()
    }
    told = {"run": again.run_id, "directory": str(directory), "nodes": nodes}
    return KeptVariables({AGAIN: json.dumps(told)}, (directory,) if again.read else ())
