"""What gunicorn serves: importing this starts the worker's threads, in the worker."""

import logging

from app import create_app
from hosting import served_settings
from logs.json_lines import write_json
from logs.text_lines import write_clean
from web.gunicorn_log import log_thread_failures

settings = served_settings.of_worker()
logging.basicConfig(
    level=settings.server.log_level.upper(),
    format="%(asctime)s %(levelname)s %(name)s: %(message)s",
)
if settings.server.log_format == "json":
    write_json(logging.getLogger(), "web")
write_clean(logging.getLogger())
log_thread_failures()

app = create_app(settings)
app.extensions["parts"].start()
