"""The runner: takes runs from the queue, executes each and writes its end.

    python -m jobs.runner

Settings come from the environment. Any number of runners may share a queue and a database. On
SIGTERM or SIGINT a runner takes no more runs and ends its programs (SIGTERM, then SIGKILL). On
SIGUSR1 it drains: it takes no more runs, and exits when its programs have ended. Runs that wait
stay in the queue. The exit code is 0 after a stop, 1 after one that took too long, and 2 for a
bad setting.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # Imports leave no garbage, and looking for it takes a fifth of a start. `main` enables it.
    gc.disable()

import argparse
import logging
import os
import sqlite3
import sys
from typing import TYPE_CHECKING

from jobs.graph.fields.code import allow_code
from jobs.run.figures import RunnerFigures
from jobs.run.nkeys import Issuer, own_issuer, read_issuer
from jobs.run.periods import RETRY_PAUSE
from jobs.run.runner import TICK, Runner
from jobs.run.setup import Setup
from jobs.run.stop_signal import StopSignal
from jobs.sandbox import confinement
from jobs.sandbox.allowance import Allowance
from jobs.sandbox.confinement import NoLandlock
from jobs.sandbox.connections import ConnectionsUnusable, read_connections, tenants_variable
from jobs.store.migration import SchemaUnusable
from jobs.store.store import Store, StoreUnavailable
from logs.complaint import Complaint
from logs.json_lines import write_json
from logs.text_lines import write_clean
from metrics.families import new_registry
from metrics.shared import Figures
from progress_lib.nats.link import Link
from progress_lib.subjects import EVERY_TENANT
from settings.own_files import own_files
from traces.traces import Traces

if TYPE_CHECKING:
    from settings import Settings

LOG = logging.getLogger(__name__)


def parse(arguments: list[str]) -> None:
    """A runner takes no arguments. Raises SystemExit for --help, and for any other."""
    parser = argparse.ArgumentParser(
        "python -m jobs.runner",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)


def main() -> int:
    """Runs until SIGTERM or SIGINT; the exit code is 0 for a clean stop, 2 for bad settings."""
    from settings import SettingsError, keep_private

    gc.freeze()  # what is imported stays; at the exit, too, it is not looked at
    gc.enable()
    keep_private()
    try:
        settings = _settings()
        allowance, issuer = _allowance(settings), _issuer(settings)
    except (SettingsError, ConnectionsUnusable, NoLandlock, ValueError) as error:
        return _give_up(error)
    stop = StopSignal()
    store = Store(settings.database_url, settings.database)
    link = settings.nats.link("runner")
    traces = Traces("progress-runner")
    runner = _runner(settings, store, link, allowance, issuer, traces)
    try:
        figures = _told_figures(runner, settings)
    except OSError as error:
        port = settings.runner.metrics_port
        return _give_up(f"METRICS_PORT {port} cannot be used: {error.strerror}")
    traces.open(os.environ)
    try:
        return run_until(stop, runner, store, link)
    finally:
        traces.close()
        figures.close()


def _give_up(sentence: object) -> int:
    print(f"runner: {sentence}", file=sys.stderr)
    return 2


def _settings() -> Settings:
    """Those of the environment, with the log as they say. Raises SettingsError."""
    from settings import Settings, SettingsError

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s runner %(levelname)s %(message)s", stream=sys.stderr
    )
    write_clean(logging.getLogger())
    settings = Settings.from_env(os.environ, reads_keys=False)
    logging.getLogger().setLevel(settings.server.log_level.upper())
    if settings.server.log_format == "json":
        write_json(logging.getLogger(), "runner")
    if settings.nats.url is None:
        raise SettingsError("NATS_URL must be set: there is no queue without NATS")
    return settings


def _runner(
    settings: Settings,
    store: Store,
    link: Link,
    allowance: Allowance,
    issuer: Issuer | None,
    traces: Traces,
) -> Runner:
    assert settings.nats.url is not None
    setup = Setup(
        nats_url=settings.nats.url,
        data_dir=settings.data_dir,
        slots=settings.runner.slots,
        deadlines=settings.deadlines,
        allowance=allowance,
        issuer=issuer,
        retention=settings.retention,
        rules=settings.stream_rules(store.installation),
        webhooks=settings.webhooks,
        uploads=settings.uploads,
        kept_outputs=settings.kept_outputs,
        has_many_tenants=settings.tenant_id == EVERY_TENANT,
        takes=settings.runner.takes,
        traces=traces,
    )
    return Runner(store, link, setup)


def _told_figures(runner: Runner, settings: Settings) -> Figures:
    """The runner's figures, told to the server that started it, or at METRICS_PORT. Raises OSError."""
    own = new_registry()
    own.register(RunnerFigures(runner, runner.kept, settings.data_dir))
    figures = Figures.of_process(own, worker="runner")
    if settings.runner.metrics_port:
        figures.serve(settings.server.host, settings.runner.metrics_port)
    figures.start()
    return figures


def _allowance(settings: Settings) -> Allowance:
    """What programs get and may use, by the settings. Raises ConnectionsUnusable, NoLandlock."""
    known = read_connections(settings.program.connections_file, os.environ)
    if settings.tenant_id == EVERY_TENANT:
        for name in known.for_nobody():
            LOG.warning("no tenant may use %s: name them in %s", name, tenants_variable(name))
    allow_code(settings.program.python_nodes)
    return Allowance(
        settings.program,
        settings.tenant_id,
        not_data=own_files(settings),
        is_confined=confinement.check(settings.program.landlock),
    )


def _issuer(settings: Settings) -> Issuer | None:
    """The issuer of programs' NATS credentials; None for a NATS server of yours without NATS_ISSUER_SEED.

    Raises SettingsError, or ValueError with a sentence for people.
    """
    if settings.nats.issuer_seed is not None:
        return read_issuer(settings.nats.issuer_seed)
    return own_issuer(settings.data_dir) if settings.is_own_nats(settings.nats.url) else None


def run_until(stop: StopSignal, runner: Runner, store: Store, link: Link) -> int:
    """Starts everything in order, waits for `stop` or a drain's end, and stops it in reverse; the exit code."""
    try:
        if not _opened(store, stop):
            return 0
    except SchemaUnusable as error:
        return _give_up(f"DATABASE_URL: {error}")
    link.start()
    if why := runner.why_not_ours():
        return _give_up(why)
    runner.start()
    # The log names SQLite's version, since its bugs depend on the version that Python brings.
    LOG.info("runner %s takes runs (SQLite %s)", runner.identity, sqlite3.sqlite_version)
    while not stop.wait(TICK) and not runner.has_drained:
        if stop.drain_wanted and not runner.is_draining:
            LOG.info("runner drains")
            runner.drain()
    LOG.info("runner stops")
    clean = runner.stop()
    link.close()
    store.close()
    return 0 if clean else 1


def _opened(store: Store, stop: StopSignal) -> bool:
    """Opens the store as soon as the database answers. False when a stop is asked for before."""
    complaint = Complaint()
    while not stop.is_set():
        try:
            store.open()
            return True
        except StoreUnavailable as error:
            if complaint.is_news(str(error)):
                LOG.warning("waiting for the database: %s", error)
            stop.wait(RETRY_PAUSE)
    return False


if __name__ == "__main__":
    parse(sys.argv[1:])
    sys.exit(main())
