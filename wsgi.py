"""What gunicorn serves: importing this starts the worker's threads, in the worker."""

import logging

from app import create_app
from settings import Settings

settings = Settings.from_env()
logging.basicConfig(
    level=settings.log_level.upper(),
    format="%(asctime)s %(levelname)s %(name)s: %(message)s",
)

app = create_app(settings)
app.extensions["parts"].start()
