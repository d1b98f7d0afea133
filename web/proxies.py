"""Behind a proxy: where its clients see this server, so that links and the check of origins are right.

The page and its modules name all else relative to themselves, so they work under any path without a setting.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from settings.addresses import Network, is_one_of
from settings.checks import is_own_path

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_PREFIX = re.compile(
    r"(/[A-Za-z0-9._~-]+)+/?"
)  # of a path; others, and paths of ours, are not believed


def behind_proxies(app: Wsgi, base_path: str, proxies: Sequence[Network]) -> Wsgi:
    """The application under `base_path` ("" or "/progress"), or where a known proxy's headers say.

    X-Forwarded-Host, -Proto and -Prefix count where the peer is one of `proxies`. A proxy may take the prefix off the
    path or leave it there. The prefix alone leads to the page, which names all else relative to the slash behind it.
    """
    believing = ProxyFix(app, x_for=0, x_proto=1, x_host=1, x_prefix=0)

    def prefixed(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        is_known = is_one_of(environ.get("REMOTE_ADDR", ""), proxies)
        prefix = (_told_prefix(environ) if is_known else "") or base_path
        if prefix and environ["PATH_INFO"] == prefix:
            return _with_slash(prefix, environ, start)
        if prefix:
            environ["SCRIPT_NAME"] = prefix
            environ["PATH_INFO"] = _without(prefix, environ["PATH_INFO"])
        answer: Iterable[bytes] = (believing if is_known else app)(environ, start)
        return answer

    return prefixed


def _with_slash(prefix: str, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
    """Sends the client to `prefix`/."""
    query = environ.get("QUERY_STRING", "")
    start(
        "307 Temporary Redirect",
        [("Location", f"{prefix}/{query and '?'}{query}"), ("Content-Length", "0")],
    )
    return []


def _told_prefix(environ: Environ) -> str:
    told = environ.get("HTTP_X_FORWARDED_PREFIX", "").strip()
    prefix = told.rstrip("/") if _PREFIX.fullmatch(told) else ""
    return "" if prefix and is_own_path(prefix) else prefix


def _without(prefix: str, path: str) -> str:
    rest = path.removeprefix(prefix)
    return rest if rest.startswith("/") else path
