"""One connection to a NATS server, from its first byte to its last. Any fault ends it; nothing is retried here."""

import select
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass

from progress_lib.nats.login import Login
from progress_lib.nats.protocol import Control, Message, NatsError, Parser, parse_info

CONNECT_WAIT = 2.0  # seconds for one connection attempt, handshake included
WRITE_WAIT = 5.0  # seconds one send may take; longer means a server that does not read
USUAL_PAYLOAD = 1 << 20  # bytes that a nats-server takes unless its configuration says otherwise
RECEIVE_BYTES = 256 * 1024  # a read takes what waits, so a burst costs few wake-ups


# Ports that wait for us to begin
FOR_OTHERS = "this port is for others: WebSockets, or TLS from the first byte (handshake_first)"


class Lost(NatsError):
    """This connection is over; the text says why."""


class Closed(Lost):
    """The server closed it."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files for TLS. They are read for each connection, so that renewed ones count from the next one on."""

    ca: str | None = None  # CAs that may vouch for the server, beside those of the system
    own: str | None = None  # the certificate by which the server knows us
    key: str | None = None  # of `own`; None: it is in the same file

    def context(self) -> ssl.SSLContext:
        """Raises Lost, with the file's name: OpenSSL says none."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:  # of a file that is no PEM it is an SSLError
            raise Lost(f"the CA file {self.ca} cannot be used: {_why(error)}") from error
        if self.own is not None:
            try:
                load_certificate(context, self.own, self.key)
            except OSError as error:
                files = self.own if self.key is None else f"{self.own} with {self.key}"
                raise Lost(f"the certificate {files} cannot be used: {_why(error)}") from error
        return context


def load_certificate(context: ssl.SSLContext, own: str, key: str | None) -> None:
    """Has `context` show a certificate. Raises OSError, also for a key with a passphrase: OpenSSL would ask for it on the terminal."""
    context.load_cert_chain(own, key, password="")


def _why(error: OSError) -> str:
    return error.strerror or str(error)


class Connection:
    """`read` belongs to the link's thread, `send` to whoever holds `_send_lock`."""

    def __init__(
        self, url: str, name: str, tls: Certificates, prefix: str, read_wait: float
    ) -> None:
        self._login = Login(url, name)
        self._tls = tls
        self._read_wait = read_wait  # seconds
        self._socket: socket.socket  # from `connect` on
        # The same connection for reads, which wait less long than writes. TLS cannot have a second one.
        self._incoming: socket.socket | None = None
        self._send_lock = threading.Lock()
        self._prefix = f"{prefix}." if prefix else ""
        self._parser = Parser(self._prefix)
        self._ahead: list[Message | Control] = []  # came with what was expected, not looked at yet
        self.max_payload = USUAL_PAYLOAD
        self.has_jetstream = self.is_clustered = False  # as this server says
        self.pongs: deque[threading.Event | None] = deque()  # (under _send_lock when added)
        self.last_heard = self.made_at = time.monotonic()
        self.asked_at: float | None = None  # (link thread) since when a silent server owes a word

    def connect(self) -> None:
        """TCP, INFO, TLS, CONNECT and one PING answered: only then are we let in."""
        address = (self._login.host, self._login.port)
        deadline = time.monotonic() + CONNECT_WAIT
        self._socket = socket.create_connection(address, timeout=CONNECT_WAIT)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            info = parse_info(self._greeting(deadline))
            self.max_payload = int(info.get("max_payload", self.max_payload))
            self.has_jetstream = bool(info.get("jetstream"))
            self.is_clustered = bool(info.get("cluster"))
            self._secure(bool(info.get("tls_required")), bool(info.get("tls_available")))
            self.send(self._login.command())
            self.ping(None)
            self._expect(b"PONG", deadline)
            self.pongs.clear()
            self._socket.settimeout(WRITE_WAIT)
            if not isinstance(self._socket, ssl.SSLSocket):
                self._incoming = self._socket.dup()
                self._incoming.settimeout(self._read_wait)
        except BaseException:
            self.close()
            raise

    def _greeting(self, deadline: float) -> bytes:
        """What the server says first. Raises Lost with what may be wrong where it says nothing, as on a port that is not for us."""
        try:
            return self._expect(b"INFO", deadline).rest
        except TimeoutError:
            silent = f"no greeting (INFO) came within {CONNECT_WAIT:g} s"
            raise Lost(f"{silent}; it hangs, or {FOR_OTHERS}") from None
        except Closed as error:
            raise Lost(f"{error} without a greeting (INFO); maybe {FOR_OTHERS}") from None

    def _secure(self, tls_required: bool, tls_available: bool) -> None:
        wanted = self._login.wants_tls
        if wanted and not (tls_required or tls_available):
            raise Lost("the URL asks for TLS (tls://) and the server does not offer it")
        if tls_required and not wanted:
            raise Lost("the server asks for TLS: use a tls:// URL")
        if wanted:
            context = self._tls.context()
            self._socket = context.wrap_socket(self._socket, server_hostname=self._login.host)
            # what came before it in the clear may be of somebody between us
            self._parser, self._ahead = Parser(self._prefix), []

    def _expect(self, verb: bytes, deadline: float) -> Control:
        """The next control line, which must be `verb`; only used before messages flow."""
        while True:
            while self._ahead:
                op = self._ahead.pop(0)
                if isinstance(op, Control) and op.verb == b"-ERR":
                    raise Lost(op.rest.decode(errors="replace"))
                if isinstance(op, Control) and op.verb == verb:
                    return op
            self._socket.settimeout(max(deadline - time.monotonic(), 0.01))
            self._ahead = self._parser.feed(self._receive())

    def _receive(self) -> bytes:
        received: bytes = (self._incoming or self._socket).recv(RECEIVE_BYTES)
        if not received:
            raise Closed("the server closed the connection")
        self.last_heard = time.monotonic()
        return received

    def read(self) -> list[Message | Control]:
        """What came within the wait of a read, at once when something is there; maybe nothing."""
        if self._ahead:
            ahead, self._ahead = self._ahead, []
            return ahead
        if self._incoming is None and not self._wait_readable():
            return []
        try:
            return self._parser.feed(self._receive())
        except TimeoutError:
            return []

    def _wait_readable(self) -> bool:
        """Whether something of a TLS connection can be read, which has one time limit for reads and writes.

        A poll costs a batch more than a read that waits itself; under gevent, which makes a watcher for each, as much as ten messages.
        """
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(self._read_wait * 1000))

    def send(self, data: bytes) -> None:
        """Writes all of `data` or ends the connection: half a command must not stay on the wire."""
        try:
            with self._send_lock:
                self._socket.sendall(data)
        except OSError:
            self.end()
            raise

    def ping(self, answered: threading.Event | None, timeout: float = WRITE_WAIT) -> None:
        """Asks for a PONG; `answered` is set on the link's thread when it comes.

        Raises TimeoutError, and leaves the connection alone, where another thread writes all the time.
        """
        if not self._send_lock.acquire(timeout=timeout):
            raise TimeoutError("another thread is writing")
        try:
            self.pongs.append(answered)
            self._socket.sendall(b"PING\r\n")
        except OSError:
            self.end()
            raise
        finally:
            self._send_lock.release()

    def end(self) -> None:
        """Wakes the reader for good; any thread, any number of times."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        self.end()
        self.abandon()

    def abandon(self) -> None:
        """Closes this process's descriptors alone: `end` would end the connection of all that share it."""
        self._socket.close()
        if self._incoming is not None:
            self._incoming.close()
