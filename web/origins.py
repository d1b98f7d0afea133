"""Which pages of other servers may use this one from a browser. Pure."""

from collections.abc import Iterable


class Origins:
    """ALLOWED_ORIGINS. The page that this server itself serves is always allowed."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed)

    @property
    def is_set(self) -> bool:
        return bool(self._allowed)

    def names(self, origin: str | None) -> bool:
        """Whether the operator named it."""
        return origin in self._allowed

    def is_own(self, origin: str | None, host: str) -> bool:
        """Whether it is this server's own page; a proxy may end TLS, so the scheme is no matter."""
        scheme, _, rest = (origin or "").partition("://")
        return scheme in ("http", "https") and rest != "" and rest == host.lower()

    def allows(self, origin: str | None, host: str) -> bool:
        """Whether it may open a WebSocket; nobody named: every origin may."""
        return not self._allowed or self.names(origin) or self.is_own(origin, host)
