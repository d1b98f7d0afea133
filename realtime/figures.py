"""The figures of one web worker's way from NATS to its browsers, read when they are asked for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from metrics.buckets import Buckets
from realtime.clients.send_buffer import SendBuffer

if TYPE_CHECKING:
    from realtime.service import Realtime

TENANTS_SHOWN = 100  # in the figures; the tenants beyond are one line, so that these stay bounded
OTHER_TENANTS = "(others)"  # no tenant's id looks so


class RealtimeFigures:
    """Collects them for Prometheus. `shows_tenants`: those who may ask may know the tenants' names."""

    def __init__(self, realtime: "Realtime", *, shows_tenants: bool) -> None:
        self._realtime = realtime
        self._shows_tenants = shows_tenants

    def collect(self) -> Iterable[Metric]:
        yield from self._of_clients()
        yield from self._of_messages()
        yield from self._of_nats()
        if self._shows_tenants:
            yield self._of_tenants()

    def _of_clients(self) -> Iterable[Metric]:
        hub = self._realtime.hub.counts
        yield GaugeMetricFamily("progress_clients", "Connected browsers", hub.clients)
        yield GaugeMetricFamily("progress_subscriptions", "Subscriptions", hub.subscriptions)
        yield GaugeMetricFamily("progress_jobs", "Jobs whose state is known", hub.jobs)
        yield CounterMetricFamily("progress_clients_cut", "Browsers too slow", hub.cut)
        closes = CounterMetricFamily(
            "progress_websocket_closes",
            "WebSockets that ended, by the code that this server closed them with; none: the browser left",
            labels=["code"],
        )
        for code, count in {"none": 0, **self._realtime.closes()}.items():
            closes.add_metric([code], count)
        yield closes

    def _of_messages(self) -> Iterable[Metric]:
        hub, bridge = self._realtime.hub.counts, self._realtime.bridge
        received = hub.received + bridge.unasked
        yield CounterMetricFamily("progress_received", "Messages from NATS", received)
        yield CounterMetricFamily("progress_delivered", "Messages to browsers", hub.delivered)
        yield CounterMetricFamily("progress_stale", "Messages that came late or twice", hub.stale)
        yield CounterMetricFamily("progress_malformed", "Messages dropped", bridge.malformed)
        yield CounterMetricFamily(
            "progress_conflated",
            "Counts that a newer one replaced before a slow browser had them",
            SendBuffer.conflated,
        )
        yield _histogram(
            "progress_hub_lag_seconds",
            "From the oldest message of a round, as NATS had it, to the sockets of all who watch its job",
            hub.lags,
        )
        yield _histogram("progress_hub_round_seconds", "A round of the hub", hub.rounds)

    def _of_nats(self) -> Iterable[Metric]:
        bridge = self._realtime.bridge
        yield GaugeMetricFamily("progress_nats_up", "1 while NATS is there", bridge.link.is_up)
        yield CounterMetricFamily(
            "progress_nats_connects", "Connections to NATS that were made", bridge.link.connects
        )
        yield GaugeMetricFamily(
            "progress_history_on", "1 while the stream PROGRESS is followed", bridge.has_history
        )
        yield GaugeMetricFamily(
            "progress_stream_lag_messages",
            "Messages that the stream PROGRESS held for this worker when it sent the last batch",
            bridge.stream_lag,
        )

    def _of_tenants(self) -> Metric:
        family = GaugeMetricFamily(
            "progress_tenant_clients", "Connected browsers of a tenant", labels=["tenant"]
        )
        for tenant_id, clients in _most(self._realtime.clients_by_tenant()).items():
            family.add_metric([tenant_id], clients)
        return family


def _histogram(name: str, text: str, buckets: Buckets) -> Metric:
    return HistogramMetricFamily(name, text, buckets.told(), buckets.total)


def _most(counts: dict[str, int]) -> dict[str, int]:
    """The largest by name, the rest as one."""
    names = sorted(counts, key=lambda name: (-counts[name], name))
    shown = {name: counts[name] for name in names[:TENANTS_SHOWN]}
    rest = sum(counts[name] for name in names[TENANTS_SHOWN:])
    return {**shown, OTHER_TENANTS: rest} if rest else shown
