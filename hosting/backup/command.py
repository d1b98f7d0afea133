"""The commands scripts/backup and scripts/restore."""

from __future__ import annotations

import argparse
import signal
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from hosting import backup
from hosting.backup.errors import BackupError, NotRead
from hosting.backup.making import make_backup
from hosting.backup.restoring import restore
from hosting.stop_signals import stop_once
from settings import Settings, SettingsError, keep_private

FAILED, WRONG = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    keep_private()
    options = _parsed(arguments)
    stop_once()
    try:
        settings = Settings.from_env(reads_keys=False)
        if options.command == "backup":
            return make_backup(settings, options.file)
        return restore(settings, options.file)
    except (BackupError, SettingsError) as error:
        print(f"scripts/{options.command}: {error}", file=sys.stderr)
        return WRONG
    except BrokenPipeError:
        raise
    except (OSError, NotRead, tarfile.TarError) as error:
        print(f"scripts/{options.command}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"scripts/{options.command}: stopped; nothing was left behind", file=sys.stderr)
        return 128 + signal.SIGINT


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m hosting.backup", description=backup.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("backup", prog="scripts/backup", description=backup.__doc__)
    making.add_argument("file", nargs="?", type=Path, default=None, metavar="FILE")
    returning = commands.add_parser("restore", prog="scripts/restore", description=backup.__doc__)
    returning.add_argument("file", type=Path, metavar="FILE")
    for one in (making, returning):
        one.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser.parse_args(arguments)
