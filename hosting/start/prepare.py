"""Makes what must exist before the first worker starts: the database's tables, the sample job and its data."""

import logging
import sqlite3
import sys
import time
from contextlib import nullcontext, redirect_stderr
from io import StringIO

from hosting import environments
from jobs.run.nkeys import read_issuer
from jobs.sandbox.connections import ConnectionsUnusable, read_connections
from jobs.sandbox.data_roots import roots_of
from jobs.store.connections.database import Locked, StoreUnavailable
from jobs.store.migration import SchemaUnusable
from jobs.store.store import Store
from logs.json_lines import write_json
from logs.text_lines import write_clean
from progress_lib.subjects import EVERY_TENANT
from settings import Settings, SettingsError

LOG = logging.getLogger(__name__)

LOCKED_PAUSE = 1.0  # seconds in which others may use the tables, before they are asked for again
NATS_WAIT = 2.0  # seconds for a connection; the workers wait longer, and tell in /readyz


def main() -> int:
    """The same by hand, with the settings of the environment."""
    try:
        settings = Settings.from_env()
        settings.make_data_dir()
    except SettingsError as error:
        print(f"settings: {error}", file=sys.stderr)
        return 2
    return prepare(settings)


def prepare(settings: Settings) -> int:
    """Exit code 0; 2, with one line on stderr, when a setting does not work."""
    logging.basicConfig(level=logging.WARNING)
    write_clean(logging.getLogger())
    if settings.server.log_format == "json":
        write_json(logging.getLogger(), "prepare")
    try:
        _warn_of_readers(settings)
        _check_secret_files(settings)
        store = _opened(settings)
        _check_queue(settings, store)
        _make_sample(settings, store)
    except (SettingsError, ConnectionsUnusable) as error:
        print(f"settings: {error}", file=sys.stderr)
        return 2
    except (StoreUnavailable, SchemaUnusable) as error:
        print(f"settings: DATABASE_URL: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    store.close()
    return 0


def _opened(settings: Settings) -> Store:
    """The store, as soon as nobody else uses tables that are to be changed. Raises StoreUnavailable, SchemaUnusable."""
    store = Store(settings.database_url, settings.database)
    is_told = False
    while True:
        try:
            store.open()
            return store
        except Locked as error:
            if not is_told:
                LOG.warning("waiting for the database: %s", error)
            is_told = True
            time.sleep(LOCKED_PAUSE)


def _warn_of_readers(settings: Settings) -> None:
    """Warns when other users may read DATA_DIR. We make it private, but it may have existed before."""
    if settings.data_dir.stat().st_mode & 0o077:
        LOG.warning(
            "DATA_DIR %s is open to other users of this machine: chmod 700 it, unless that is meant",
            settings.data_dir,
        )


def _make_sample(settings: Settings, store: Store) -> None:
    """Makes the sample where its job will look for the data. Raises SettingsError."""
    if not settings.server.sample_orders:
        return
    from hosting.start.sample import ensure_sample  # it imports all nodes, 40 ms

    tenant_id = "default" if settings.tenant_id == EVERY_TENANT else settings.tenant_id
    is_read_by_programs = settings.server.log_format == "json"
    try:
        directory = roots_of(settings.program.data_roots, tenant_id)[0]
        with redirect_stderr(StringIO()) if is_read_by_programs else nullcontext():
            ensure_sample(
                store,
                directory,
                tenant_id,
                settings.server.sample_orders,
                database=settings.database_url,
            )
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(
            f"DATA_ROOTS: no sample can be made there ({error}); SAMPLE_ORDERS=0 makes none"
        ) from None


def _check_queue(settings: Settings, store: Store) -> None:
    """Makes the work queue on a NATS server of yours, or sees whose it is, if that server is there. Raises SettingsError."""
    if settings.nats.url is None:
        return
    from jobs.work.run_queue import RunQueue  # only for a NATS server of yours

    link = settings.nats.link("prepare")
    link.start()
    try:
        rules = settings.stream_rules(store.installation)
        why = RunQueue(link, rules=rules).why_not_ours(NATS_WAIT)
    finally:
        link.close()
    if why:
        raise SettingsError(f"NATS_URL: {why}")


def _check_secret_files(settings: Settings) -> None:
    """Reads the secret files that a runner on this machine needs. Raises SettingsError, ConnectionsUnusable."""
    read_connections(settings.program.connections_file, environments.for_runner())
    if settings.nats.issuer_seed is not None:
        try:
            read_issuer(settings.nats.issuer_seed)
        except ValueError as error:
            raise SettingsError(f"NATS_ISSUER_SEED {error}") from None


if __name__ == "__main__":
    sys.exit(main())
