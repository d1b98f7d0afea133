"""The settings of the whole system, read once from the environment, and small modules that all parts of it use.

    groups.py        each setting in one line: variable, default, bounds
    settings.py      the groups together, and checks of settings against each other
    reading.py       how a setting is declared and read
    checks.py        what the text of a setting must be; roots.py: the same for directories of data
    keys.py, public_keys.py, addresses.py, secret_files.py, own_files.py, shared.py, tags.py    used by all parts

This package imports nothing of ours but progress_lib.
"""

from settings.defaults import WORKER_CLASSES
from settings.reading import SettingsError
from settings.settings import NATS_USER, Settings, keep_private

__all__ = ["NATS_USER", "WORKER_CLASSES", "Settings", "SettingsError", "keep_private"]
