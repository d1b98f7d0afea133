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


def test_nats_server_keeps_two_logs(tmp_path: Path) -> None:
    """It kept all of them, though docs/operate.md promises two of 10 MB: by itself it never deletes one."""
    nats_command(Settings.from_env({"DATA_DIR": str(tmp_path)}))
    written = (tmp_path / "nats.conf").read_text().splitlines()
    assert {"logfile_size_limit: 10485760", "logfile_max_num: 2"} <= set(written)
