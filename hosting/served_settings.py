"""The settings that gunicorn's master and its workers serve with: at each SIGHUP the last ones that work.

A worker that dies and comes back, too, has these, and does not read a file that is being written just then.
"""

import os
from dataclasses import replace

from settings import Settings, SettingsError

_served: Settings | None = None  # (main thread of the master; workers have it by the fork)
_fault = ""  # of the last reading


def renew() -> Settings:
    """Reads the settings, and the files that they name, anew. Raises SettingsError the first time."""
    global _served, _fault
    try:
        _served, _fault = _read(), ""
    except SettingsError as error:
        if _served is None:
            raise
        _fault = str(error)
    return _served


def fault() -> str:
    """Why the last `renew` changed nothing; "" when it did."""
    return _fault


def of_worker() -> Settings:
    """In a worker: those of its master, with the NATS server that it has started."""
    if _served is None:
        return Settings.from_env()
    url = os.environ.get("NATS_URL") or _served.nats.url
    return replace(_served, nats=replace(_served.nats, url=url))


def _read() -> Settings:
    settings = Settings.from_env()
    settings.make_data_dir()
    settings.signing_key()
    if settings.nats.url is None:
        settings.own_nats_url()
    return settings
