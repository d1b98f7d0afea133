"""The settings that gunicorn's master and its workers serve with. SIGHUP reads them again, if they are valid.

A worker that is started anew gets them from the master, and so never reads a file that is half written.
"""

import os
from dataclasses import replace

from settings import Settings, SettingsError

_served: Settings | None = None  # (main thread of the master; workers have it by the fork)
_fault = ""  # why the last reading failed


def renew() -> Settings:
    """Reads the settings and the files that they name. Bad ones raise SettingsError the first time only.

    Later, bad settings leave the last ones in force, and `fault` says why.
    """
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
    """For a worker: the settings of its master, with the URL of the NATS server that the master started."""
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
