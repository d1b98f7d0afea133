"""The locks of logging in a gevent worker, where native threads log beside its loop."""

import logging
from _thread import RLock  # gevent leaves this one


def use_native_locks() -> None:
    """Gives the handlers of now and of later locks of the system; after gevent's patch, in the process that serves.

    gevent's lose wake-ups between native threads (gevent issue 2013, and with 26.9.0 still): of a few that logged at once, as where a
    database is lost, one waited for ever, and after it whoever logs. Whoever logs on the loop waits for a line at most.
    """
    logging._lock = RLock()  # type: ignore[attr-defined]
    logging.Handler.createLock = _create_lock  # type: ignore[assignment, method-assign]
    for reference in logging._handlerList:  # type: ignore[attr-defined]
        handler = reference()
        if handler is not None and handler.lock is not None:
            handler.createLock()


def _create_lock(handler: logging.Handler) -> None:
    handler.lock = RLock()
    logging._register_at_fork_reinit_lock(handler)  # type: ignore[attr-defined]
