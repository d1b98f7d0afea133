"""Our own histogram tells what Prometheus' own would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from metrics.buckets import Buckets

BOUNDS = (0.001, 0.5, 1, 2.5)


@given(st.lists(st.one_of(st.floats(0, 10), st.sampled_from(BOUNDS))))
def test_it_counts_as_the_library_does(values: list[float]) -> None:
    registry = CollectorRegistry()
    theirs, ours = Histogram("h", "h", buckets=BOUNDS, registry=registry), Buckets(BOUNDS)
    for value in values:
        theirs.observe(value)
        ours.add(value)
    [family] = registry.collect()
    buckets = [(s.labels["le"], s.value) for s in family.samples if s.name == "h_bucket"]
    assert ours.told() == buckets
    assert [s.value for s in family.samples if s.name == "h_sum"] == [ours.total]
