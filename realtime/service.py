"""Hub, bridge and door as one: built together, started in order, stopped in reverse."""

import logging
import queue
import threading

from flask import Flask

from progress_lib.nats.streams import StreamRules
from realtime.bridge.bridge import NATSBridge
from realtime.bridge.records import LastRun
from realtime.door import Door
from realtime.hub.commands import CloseSome
from realtime.hub.hub import Hub
from realtime.sockets.close_codes import CloseCode
from settings.defaults import ClientLimits, NatsSettings
from web.callers.callers import Callers
from web.origins import Origins

LOG = logging.getLogger(__name__)

GOODBYES_A_SECOND = 100  # browsers sent away at a stop; they come back as gently
GOODBYE_TICK = 0.05  # seconds between two groups
GOODBYE_WAIT = 1.0  # seconds that `close` waits for the last of them; the grace is over by then


class Realtime:
    """The way from NATS to the browsers of one web worker."""

    def __init__(
        self,
        nats: NatsSettings,
        tenant_id: str,
        callers: Callers,
        *,
        origins: Origins,
        limits: ClientLimits,
        last_run: LastRun | None = None,
        rules: StreamRules | None = None,
    ) -> None:
        self.hub = Hub(
            load=lambda topic, is_whole: self.bridge.load(topic, is_whole),
            load_tenant=lambda tenant_id: self.bridge.load_tenant(tenant_id),
        )
        self.bridge = NATSBridge(nats.link("bridge"), tenant_id, self.hub, last_run, rules)
        self._door = Door(self.hub, callers, origins=origins, limits=limits)
        # a signal handler may only put: put neither waits nor takes a lock that it may hold already
        self._stop_calls: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        self._goodbye = threading.Thread(target=self._wait_for_stop, name="goodbye", daemon=True)

    def install(self, app: Flask) -> None:
        """Adds the routes /ws and /api/room."""
        self._door.install(app)

    def clients_by_tenant(self) -> dict[str, int]:
        """How many browsers of each tenant this worker has."""
        return self._door.clients_by_tenant()

    def closes(self) -> dict[str, int]:
        """How many WebSockets of this worker ended, by their close code."""
        return self._door.closes()

    def start(self) -> None:
        self.hub.start()
        self.bridge.subscribe()
        self._goodbye.start()

    @property
    def is_stopping(self) -> bool:
        return self._door.is_shut

    def begin_stop(self, grace: float) -> None:
        """Sends every browser away with 4001, spread over `grace` seconds; returns at once.

        Safe in a signal handler, under gevent too, where that may run in the event loop itself.
        """
        self._stop_calls.put(grace)

    def _wait_for_stop(self) -> None:
        grace = self._stop_calls.get()
        if grace is not None:
            self._say_goodbye(grace)

    def _say_goodbye(self, grace: float) -> None:
        """Few browsers go at once; many in small groups, so that they do not return as one."""
        self._door.shut()
        pause = threading.Event()
        clients = self.hub.counts.clients
        LOG.info("stopping: %d browsers are sent away", clients)
        seconds = min(grace, clients / GOODBYES_A_SECOND)
        ticks = max(int(seconds / GOODBYE_TICK), 1)
        for _ in range(ticks):
            self.hub.put(CloseSome(CloseCode.SERVER_STOPPING, -(-clients // ticks)))
            pause.wait(GOODBYE_TICK)
        self.hub.put(CloseSome(CloseCode.SERVER_STOPPING, None))

    def close(self) -> None:
        self._stop_calls.put(None)
        self._goodbye.join(GOODBYE_WAIT)
        self.bridge.close()
        self.hub.stop()
