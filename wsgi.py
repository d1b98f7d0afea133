"""What gunicorn serves: importing this starts the worker's threads, in the worker."""

import logging
import os

from app import create_app
from settings import Settings

logging.basicConfig(
    level=os.environ.get("LOG_LEVEL", "INFO").upper(),
    format="%(asctime)s %(levelname)s %(name)s: %(message)s",
)

app = create_app(Settings.from_env())
app.extensions["parts"].start()
