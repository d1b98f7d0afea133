"""A request that is answered without its body: the answer says that the connection closes.

gunicorn would read the body away first, for as long as its client likes, or promise to keep a
connection that it then closes.
"""

import fcntl
import termios
from collections.abc import Callable
from typing import Any

from gunicorn.http.body import Body, ChunkedReader, LengthReader

SMALL_BODY = 65_536  # bytes that are read away when all of them are here already

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def closing_where_unread(application: Application) -> Application:
    """An application of gunicorn's HTTP/1 workers, whose connections end with an answer that left a body unread."""

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        if "CONTENT_LENGTH" not in environ and "HTTP_TRANSFER_ENCODING" not in environ:
            return application(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            if not is_read(environ["wsgi.input"], environ["gunicorn.socket"]):
                start_response.__self__.force_close()  # gunicorn ignores the application's headers for that
            return start_response(status, headers, *error)

        return application(environ, start)

    return answer


def is_read(body: Body, sock: Any) -> bool:
    """Whether nothing of the body is to come; never waits for it."""
    reader = body.reader
    if body.failed:
        return False
    if isinstance(reader, ChunkedReader):
        return reader.parser is None  # it was read to its end
    assert isinstance(reader, LengthReader)
    if 0 < reader.length <= min(SMALL_BODY, _is_here(reader, sock)):
        reader.read(reader.length)
    return bool(reader.length == 0)


def _is_here(reader: LengthReader, sock: Any) -> int:
    """Bytes that can be read without waiting."""
    buffered = len(reader.unreader.buf.getbuffer())
    found = fcntl.ioctl(sock.fileno(), termios.FIONREAD, b"\0\0\0\0")
    return buffered + int.from_bytes(found, "little")
