"""The settings of the whole system, read once from the environment, and what is below all parts of it.

    groups.py        each setting in one line: variable, default, bounds
    settings.py      the groups together, and what two settings must not be together
    reading.py       how a line is declared, and read
    checks.py        what the text of a setting must be; roots.py: of directories of data
    keys.py, addresses.py, secret_files.py, own_files.py, shared.py    what is below all parts

This package imports nothing of ours but progress_lib.
"""

from settings.groups import WORKER_CLASSES
from settings.reading import SettingsError
from settings.settings import NATS_USER, Settings, keep_private

__all__ = ["NATS_USER", "WORKER_CLASSES", "Settings", "SettingsError", "keep_private"]
