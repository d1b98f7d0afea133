"""What must be there before the first worker: the database's tables, the sample job and its data."""

import logging
import sys

from jobs.database import StoreUnavailable
from jobs.sample import ensure_sample
from jobs.store import Store
from progress_lib.subjects import EVERY_TENANT
from settings import Settings, SettingsError


def main() -> int:
    """Exit code 0, or 2 with one line when a setting does not work."""
    logging.basicConfig(level=logging.WARNING)
    try:
        settings = Settings.from_env()
        settings.make_data_dir()
        store = Store(settings.database_url)
        store.open()
    except SettingsError as error:
        print(f"settings: {error}", file=sys.stderr)
        return 2
    except StoreUnavailable as error:
        print(f"settings: DATABASE_URL: {error}", file=sys.stderr)
        return 2
    tenant_id = "default" if settings.tenant_id == EVERY_TENANT else settings.tenant_id
    if settings.sample_orders:
        ensure_sample(store, settings.data_dir, tenant_id, settings.sample_orders)
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
