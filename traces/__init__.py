"""Optional traces of runs for OpenTelemetry (docs/traces.md): from a request over the queue to each node.

    parent.py     the W3C traceparent: what says which trace something belongs to
    span.py       a piece of work as it is told: name, times, children
    wanted.py     whether the environment asks for traces, and where they go
    traces.py     Traces, which everybody uses: it tells nothing until it is opened with the package there
    exported.py   the part that needs the package opentelemetry-sdk, and is imported only then

This package imports nothing of ours.
"""
