"""Whether the environment asks for traces, by the variables that OpenTelemetry knows. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

OF_TRACES, OF_ALL = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HTTP = "http/protobuf"


class NotPossible(ValueError):
    """Traces are asked for, and cannot be told; the text says what to set."""


def collector(environ: Mapping[str, str]) -> str | None:
    """Who gets the traces, as people may read it; None where nobody asks for any. Raises NotPossible."""
    exporter = environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    name = next((name for name in (OF_TRACES, OF_ALL) if environ.get(name)), None)
    is_off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none"
    if name is None or is_off:
        return None
    if exporter != "otlp":
        raise NotPossible(f"OTEL_TRACES_EXPORTER is {exporter!r:.80}; it must be otlp or none")
    for variable in _PROTOCOLS:
        if environ.get(variable, HTTP) not in ("", HTTP):
            raise NotPossible(
                f"{variable} is {environ[variable]!r:.80}; {HTTP} is the one protocol that is spoken here"
            )
    return _shown(name, environ[name])


def _shown(name: str, url: str) -> str:
    """The scheme, host and port. What else stands in the URL may be secret."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https"):
        raise NotPossible(f"{name} must be a URL such as http://collector.example:4318")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
