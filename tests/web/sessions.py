"""Sessions that a test needs: as the server would write them, some time ago or with some other secret."""

from __future__ import annotations

import time
from typing import Any

from settings.defaults import Expected
from settings.keys import secret_keys
from settings.shared import SCOPES
from tests.harness import Product
from web.callers.sessions import DAY, Session, Sessions
from web.callers.tokens import Identity, TokenVerifier, signer_of


def sessions_of(secret: str, *more: str, tenant_id: str = "default", **days: Any) -> Sessions:
    verifier = TokenVerifier(tenant_id, secret_keys(secret, *more), Expected())
    return Sessions((secret, *more), verifier, **{"days": 7, "most_days": 30, **days})


def cookie_of(
    product: Product,
    *,
    seconds: float = 3_600,
    days: float = 1,
    secret: str = "",
    age: float = 0,
    **claims: Any,
) -> tuple[str, str]:
    """Name and value of a cookie whose session ends in so many seconds, or if it is used in so many days; renewed `age` seconds ago."""
    secret = secret or product.secret
    sessions = sessions_of(secret)
    now = time.time()
    told = {"tenant_id": product.tenant_id, "scopes": SCOPES, "subject": "test", **claims}
    identity = Identity(**told, expires_at=now + seconds, signer=signer_of(secret_keys(secret)[0]))
    session = Session(identity, "5" * 16, now - age, now + days * DAY)
    return f"progress-{sessions.marks[0]}", sessions.written(session)
