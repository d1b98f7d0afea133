"""The cookie of a session: its name, and what the browser may do with it."""

from collections.abc import Iterator, Sequence

from flask import Request, Response

SECURE_ROOT, SECURE = (
    "__Host-",
    "__Secure-",
)  # a browser takes such a name over HTTPS alone (RFC 6265bis, 4.1.3)


class SessionCookie:
    """Cookies know no ports: `marks`, the current one first, tell those of this installation from others on the host."""

    def __init__(self, marks: Sequence[str]) -> None:
        self._names = tuple(f"progress-{mark}" for mark in marks)

    def found(self, request: Request) -> Iterator[str]:
        """What the request's cookies of this installation hold. Over HTTPS those alone that came over HTTPS."""
        prefix = _prefix(request)
        for name in self._names:
            if (text := request.cookies.get(f"{prefix}{name}")) is not None:
                yield text

    def put(self, response: Response, request: Request, text: str, seconds: float) -> None:
        response.set_cookie(
            f"{_prefix(request)}{self._names[0]}",
            text,
            max_age=max(int(seconds), 1),
            path=_path(request),
            secure=request.is_secure,
            httponly=True,
            samesite="Strict",
        )

    def drop(self, response: Response, request: Request) -> None:
        for name in self._names:
            response.delete_cookie(
                f"{_prefix(request)}{name}",
                path=_path(request),
                secure=request.is_secure,
                httponly=True,
                samesite="Strict",
            )


def _prefix(request: Request) -> str:
    if not request.is_secure:
        return ""
    return SECURE_ROOT if _path(request) == "/" else SECURE


def _path(request: Request) -> str:
    return request.script_root or "/"
