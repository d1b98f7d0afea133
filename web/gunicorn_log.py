"""What a web worker and gunicorn's master log: clean, the access log, and what ends a thread, too."""

import logging
import threading
from typing import Any

from gunicorn.glogging import Logger

from logs.json_lines import write_json
from logs.text_lines import write_clean
from settings.addresses import Network, client_address


def log_thread_failures() -> None:
    """What ends a thread goes through the log, not around it."""
    log = logging.getLogger("thread")

    def failed(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "a thread"
        error = args.exc_value
        log.error("%s failed", name, exc_info=error if error is not None else False)

    threading.excepthook = failed


class RedactingLogger(Logger):  # type: ignore[misc]
    """gunicorn's own log and its access log, without tokens."""

    # gunicorn.conf.py sets these two, before the first logger is made
    writes_json = False
    proxies: tuple[Network, ...] = ()  # whose word on their clients is believed
    access_fmt = "%(asctime)s %(message)s"

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            if self.writes_json:
                write_json(logger, "web")
            write_clean(logger)

    def atoms(
        self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any
    ) -> dict[str, Any]:
        """The parts of a line of the access log, with the client's address in place of its proxy's."""
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
        if forwarded:
            peer = environ.get("REMOTE_ADDR", "")
            atoms["h"] = client_address(peer, forwarded, self.proxies) or atoms["h"]
        return atoms

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        if not self.writes_json:
            super().access(resp, req, environ, request_time)
        elif self.access_log_enabled:
            self._access_json(self.atoms(resp, req, environ, request_time))

    def _access_json(self, atoms: dict[str, Any]) -> None:
        """A request as fields, its path without its query: that may hold a token."""
        fields = {
            "method": atoms["m"],
            "path": atoms["U"],
            "status": int(atoms["s"]),
            "bytes": atoms["B"],
            "milliseconds": atoms["M"],
            "client": atoms["h"],
            "request": atoms.get("{x-request-id}o"),
        }
        self.access_log.info("%(method)s %(path)s %(status)s", fields, extra={"fields": fields})
