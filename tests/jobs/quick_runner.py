"""A real runner in its own process, with shorter times: python -m tests.jobs.quick_runner JSON."""

import json
import logging
import os
import sys
from pathlib import Path

from jobs.run.periods import Periods
from jobs.run.runner import Runner
from jobs.run.setup import Setup
from jobs.run.stop_signal import StopSignal
from jobs.runner import run_until
from jobs.store.store import Store
from jobs.webhooks.deliveries import Pace
from progress_lib.nats.link import Link
from settings.defaults import Deadlines, WebhookSettings
from settings.reading import Reader, read_group
from tests.programs import allowance


def main() -> int:
    options = json.loads(sys.argv[1])
    periods = options["periods"]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(threadName)s %(message)s")
    stop = StopSignal()
    store = Store(os.environ["DATABASE_URL"])
    link = Link(os.environ["NATS_URL"], name="runner")
    data_dir = Path(os.environ["DATA_DIR"])
    setup = Setup(
        nats_url=os.environ["NATS_URL"],
        data_dir=data_dir,
        slots=options["slots"],
        periods=Periods(**{**periods, "deliveries": Pace(**periods.get("deliveries", {}))}),
        deadlines=Deadlines(**options["deadlines"]),
        allowance=allowance(data_dir),
        takes=options["takes"],
        webhooks=read_group(WebhookSettings, Reader(os.environ)),
    )
    return run_until(stop, Runner(store, link, setup), store, link)


if __name__ == "__main__":
    sys.exit(main())
