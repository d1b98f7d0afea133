"""Which pages of other servers may use this one from a browser. Pure."""

from collections.abc import Iterable

DEFAULT_PORTS = {"http": "80", "https": "443"}  # browsers leave them out, proxies do not


class Origins:
    """ALLOWED_ORIGINS. The page that this server itself serves is always allowed."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(map(_plain, allowed))

    @property
    def is_set(self) -> bool:
        return bool(self._allowed)

    def names(self, origin: str | None) -> bool:
        """Whether the operator named it."""
        return origin is not None and _plain(origin) in self._allowed

    def is_own(self, origin: str | None, host: str) -> bool:
        """Whether it is this server's own page; a proxy may end TLS, so the scheme is no matter."""
        scheme, _, rest = _plain(origin or "").partition("://")
        return scheme in DEFAULT_PORTS and rest != "" and rest == _plain_host(scheme, host)

    def allows(self, origin: str | None, host: str) -> bool:
        """Whether it may open a WebSocket; nobody named: every origin may."""
        return not self._allowed or self.names(origin) or self.is_own(origin, host)


def refusal(origin: str | None, host: str) -> str:
    """Why an origin is refused, in words that tell an operator what to set."""
    if origin is None:
        return "no Origin header, as browsers send it, and ALLOWED_ORIGINS is set"
    return (
        f"origin {origin!r:.100} is not allowed here: ALLOWED_ORIGINS does not name it, and the request came "
        f"for the host {host!r:.100}"
    )


def _plain(origin: str) -> str:
    """The origin as browsers write it: in small letters, without the scheme's own port."""
    scheme, mark, host = origin.lower().partition("://")
    return f"{scheme}{mark}{_plain_host(scheme, host)}"


def _plain_host(scheme: str, host: str) -> str:
    return host.lower().removesuffix(f":{DEFAULT_PORTS.get(scheme)}")
