"""What programs of a runner are given, and what they may use."""

from dataclasses import dataclass, field
from pathlib import Path

from jobs.limits import ProgramLimits


@dataclass(frozen=True, slots=True)
class Allowance:
    """Of all programs alike; what one program gets of it depends on its graph and tenant."""

    limits: ProgramLimits = field(default_factory=ProgramLimits)
    data_roots: tuple[str, ...] = ()  # may hold {tenant}; empty: DATA_DIR
    connections_file: Path | None = None
    not_data: tuple[Path, ...] = ()  # beside the server's own in DATA_DIR
