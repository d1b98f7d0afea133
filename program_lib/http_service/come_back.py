"""When a service that refuses a request wants to be asked again, by the headers of its answer.

`Retry-After` is RFC 9110's. Services with a limit often say instead how many requests are left, and when there are more: GitHub answers 403 with
`X-RateLimit-Remaining: 0` and `X-RateLimit-Reset`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

SAY_WHEN = (403, 413, 429, 503)  # what these statuses say of a time counts
LATEST = 2**31  # seconds that a service may ask for and be understood
LIMITS = ("X-RateLimit", "X-Rate-Limit", "RateLimit")  # as GitHub, Okta and GitLab write them
# A larger number is a time since 1970, in seconds, or in milliseconds: as seconds from now it were thirty years
EPOCH, EPOCH_MS = 1e9, 1e12


def seconds_until(status: int, headers: Mapping[str, str]) -> float | None:
    """The seconds that a service asks for; None where it does not, or in words that mean nothing. `headers`: by names in any case."""
    if status not in SAY_WHEN:
        return None
    after = _retry_after(headers.get("Retry-After"))
    return _until_reset(headers) if after is None else after


def _retry_after(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return float(Retry(retry_after_max=LATEST).parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Until a limit that is used up is no more."""
    for limit in LIMITS:
        left = _number(headers.get(f"{limit}-Remaining"))
        reset = _number(headers.get(f"{limit}-Reset"))
        if left is not None and left < 1 and reset is not None:
            return min(_from_now(reset), LATEST)
    return None


def _from_now(reset: float) -> float:
    if reset < EPOCH:
        return reset
    # The second that is told is not over yet
    return max(0.0, math.ceil((reset / 1000 if reset >= EPOCH_MS else reset) + 1 - time.time()))


def _number(value: str | None) -> float | None:
    try:
        found = float(value or "")
    except ValueError:
        return None
    return found if 0 <= found < math.inf else None
