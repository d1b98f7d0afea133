"""What a runner is told at its start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs.run.nkeys import Issuer
from jobs.run.periods import Periods
from jobs.sandbox.allowance import Allowance
from progress_lib.nats.streams import StreamRules
from settings.defaults import Deadlines, KeptOutputs, Retention, UploadSettings, WebhookSettings
from traces.traces import Traces


@dataclass(frozen=True, slots=True)
class Setup:
    """Groups of settings, and what the process has made of others."""

    nats_url: str  # that programs get where there is no `issuer`
    data_dir: Path
    allowance: Allowance
    slots: int = 1  # runs at a time
    takes: Sequence[str | None] = (None,)  # tags of runs; None: of those without one
    has_many_tenants: bool = False
    deadlines: Deadlines = field(default_factory=Deadlines)
    retention: Retention = field(default_factory=Retention)
    kept_outputs: KeptOutputs = field(default_factory=KeptOutputs)
    periods: Periods = field(default_factory=Periods)
    traces: Traces = field(default_factory=lambda: Traces("progress-runner"))
    issuer: Issuer | None = None  # gives each program a NATS credential of its own
    rules: StreamRules | None = None  # of the work queue and the history
    webhooks: WebhookSettings | None = None  # None: other runners deliver
    uploads: UploadSettings | None = None  # None: other runners take them
