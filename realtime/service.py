"""Hub, bridge and door as one: built together, started in order, stopped in reverse."""

import logging
import threading
from collections.abc import Iterable

from flask import Flask

from realtime.auth import Door
from realtime.bridge import LastRun, NATSBridge
from realtime.close_codes import CloseCode
from realtime.hub import Hub
from realtime.tokens import TokenVerifier

LOG = logging.getLogger(__name__)

GOODBYES_A_SECOND = 100  # browsers sent away at a stop; they come back as gently
GOODBYE_TICK = 0.05  # seconds between two groups


class Realtime:
    """The way from NATS to the browsers of one web worker."""

    def __init__(
        self,
        nats_url: str,
        tenant_id: str,
        verifier: TokenVerifier,
        *,
        allowed_origins: Iterable[str],
        max_clients: int,
        last_run: LastRun | None = None,
    ) -> None:
        self.hub = Hub(load=lambda topic: self.bridge.load(topic))
        self.bridge = NATSBridge(nats_url, tenant_id, self.hub, last_run)
        self._door = Door(
            self.hub, verifier, allowed_origins=allowed_origins, max_clients=max_clients
        )
        self._stopping = threading.Event()

    def install(self, app: Flask) -> None:
        """Adds the route /ws."""
        self._door.install(app)

    def start(self) -> None:
        self.hub.start()
        self.bridge.subscribe()

    def begin_stop(self, grace: float) -> None:
        """Sends every browser away with 4001, spread over `grace` seconds; returns at once.

        Safe in a signal handler.
        """
        if not self._stopping.is_set():
            self._stopping.set()
            threading.Thread(
                target=self._say_goodbye, args=(grace,), name="goodbye", daemon=True
            ).start()

    def _say_goodbye(self, grace: float) -> None:
        """Few browsers go at once; many in small groups, so that they do not return as one."""
        self._door.shut()
        pause = threading.Event()
        clients = self.hub.counts.clients
        LOG.info("stopping: %d browsers are sent away", clients)
        seconds = min(grace, clients / GOODBYES_A_SECOND)
        ticks = max(int(seconds / GOODBYE_TICK), 1)
        for _ in range(ticks):
            self.hub.close_some(CloseCode.SERVER_STOPPING, -(-clients // ticks))
            pause.wait(GOODBYE_TICK)
        self.hub.close_some(CloseCode.SERVER_STOPPING, None)

    def close(self) -> None:
        self.bridge.close()
        self.hub.stop()
