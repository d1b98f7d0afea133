"""The settings of the whole system, read once from the environment, and what is below all parts of it.

This package imports nothing of ours but progress_lib.
"""

from settings.groups import WORKER_CLASSES
from settings.reading import SettingsError
from settings.settings import NATS_USER, Settings, keep_private

__all__ = ["NATS_USER", "WORKER_CLASSES", "Settings", "SettingsError", "keep_private"]
