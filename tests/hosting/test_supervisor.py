"""What the supervisor starts its parts with."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosting.supervisor import nats_command
from settings import Settings, SettingsError


def test_a_broken_seed_is_named_and_what_to_do(tmp_path: Path) -> None:
    """It ended the start in a traceback."""
    seed = tmp_path / "nats_seed"
    seed.write_text("SAhalf of one\n")
    seed.chmod(0o600)
    with pytest.raises(SettingsError, match="holds no nkey seed; without the file, a start makes"):
        nats_command(Settings.from_env({"DATA_DIR": str(tmp_path)}))
