"""How long the application of tests/security/clients/impatient.py waits for slow clients."""

from web.serving.patience import LOOK_PERIOD

STILL_WAIT = 3.0  # seconds that a client may stand still; else 12
HEADER_WAIT = 3.0  # seconds, under gthread; else 10
PROMISED = (
    STILL_WAIT + 2 * LOOK_PERIOD
)  # seconds at most until a client that does too little is cut
WORKER_TIMEOUT = 10  # seconds without a sign of life until gunicorn replaces a worker; else 30

IMPATIENT = "tests.security.clients.impatient:app"
