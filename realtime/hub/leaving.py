"""Clients that were told to go, until they are gone. The hub's thread alone."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from realtime.sockets.close_codes import REASONS, CloseCode

if TYPE_CHECKING:
    from realtime.clients.client import Client

LOG = logging.getLogger(__name__)

LEAVE_WAIT = 12.0  # seconds a closed client has to be gone: its write wait, and to answer
STOP_LEAVE_WAIT = 3.0  # the same when the server stops: within gunicorn's graceful timeout


class Leaving:
    """Who was told to go, and by when (monotonic seconds) each must be gone."""

    def __init__(self) -> None:
        self._deadlines: dict[Client, float] = {}

    def __bool__(self) -> bool:
        return bool(self._deadlines)

    def tell(self, client: Client, code: CloseCode) -> None:
        """Sends a client its close frame and nothing more."""
        wait = STOP_LEAVE_WAIT if code is CloseCode.SERVER_STOPPING else LEAVE_WAIT
        self._deadlines.setdefault(client, time.monotonic() + wait)
        try:
            client.close(code, REASONS[code])
        except Exception:
            LOG.exception("hub: a client could not be closed")
            client.abort()

    def forget(self, client: Client) -> None:
        """It is gone."""
        self._deadlines.pop(client, None)

    def abort_late(self) -> None:
        """Ends the clients that did not go in time."""
        now = time.monotonic()
        for client in [client for client, deadline in self._deadlines.items() if deadline <= now]:
            del self._deadlines[client]
            client.abort()
