"""A real S3-compatible server on 127.0.0.1: moto's, in a process of its own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from tests.harness import IN_CI, eventually, free_port

KEY, SECRET = "AKIDOFATEST", "s3cr3t/of+a=test"
QUOTED = "s3cr3t%2Fof%2Ba%3Dtest"
BUCKET = "lake"
# The server looks whether a request is signed, and not by whom
SIGNED = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"


@dataclass
class ObjectStore:
    """The server, with one bucket."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, base: str = BUCKET) -> str:
        return f"s3://{KEY}:{QUOTED}@127.0.0.1:{self.port}/{base}?region=us-east-1&tls=off"

    @property
    def filesystem(self) -> fs.S3FileSystem:
        return fs.S3FileSystem(
            access_key=KEY,
            secret_key=SECRET,
            region="us-east-1",
            scheme="http",
            endpoint_override=f"127.0.0.1:{self.port}",
        )

    def put(self, key: str, content: bytes) -> None:
        with self.filesystem.open_output_stream(f"{BUCKET}/{key}") as stream:
            stream.write(content)

    def put_small(self, contents: Mapping[str, bytes]) -> None:
        """Many, by one request each, where Arrow asks three times."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            for key, content in contents.items():
                asked.request("PUT", f"/{BUCKET}/{key}", content, {"Authorization": SIGNED})
                answer = asked.getresponse()
                answer.read()
                assert answer.status == 200
        finally:
            asked.close()

    def get(self, key: str) -> bytes:
        with self.filesystem.open_input_file(f"{BUCKET}/{key}") as file:
            return bytes(file.read())

    def keys(self) -> list[str]:
        """All objects, hidden ones among them."""
        found = self.filesystem.get_file_info(fs.FileSelector(BUCKET, recursive=True))
        return sorted(
            one.path.removeprefix(f"{BUCKET}/") for one in found if one.type == fs.FileType.File
        )

    def clear(self) -> None:
        self.filesystem.delete_dir_contents(BUCKET)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


Fault = Callable[[str, str, Mapping[str, str]], "tuple[int, bytes] | str | None"]
LOST = "lost"  # the store does what it is asked, and its answer does not arrive


class FaultyStore:
    """Stands between programs and a store. `fault` gets method, target and headers of each question, and says what becomes of
    it: an answer with its body in place of the store's, LOST, or None for nothing."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.port = 0
        self.fault: Fault = lambda method, target, headers: None

    def url(self) -> str:
        return self._store.url().replace(str(self._store.port), str(self.port))

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes] | None:
        """Status, headers and body; None: nothing is answered."""
        made = self.fault(method, target, headers)
        if isinstance(made, tuple):
            return made[0], {"Content-Type": "application/xml"}, made[1]
        asked = http.client.HTTPConnection("127.0.0.1", self._store.port, timeout=20)
        try:
            asked.request(method, target, body, headers)
            got = asked.getresponse()
            return None if made == LOST else (got.status, dict(got.getheaders()), got.read())
        finally:
            asked.close()


class _Between(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faulty: FaultyStore

    def do_GET(self) -> None:
        dropped = {"connection", "expect", "transfer-encoding", "content-length"}
        headers = {name: text for name, text in self.headers.items() if name.lower() not in dropped}
        answer = self.faulty.answer(self.command, self.path, headers, self._body())
        if answer is None:
            self.close_connection = True
            return
        status, told, body = answer
        self.send_response_only(status)
        size = {"Content-Length": str(len(body)), **told} if self.command == "HEAD" else told
        for name, text in size.items():
            if name.lower() not in dropped or self.command == "HEAD":
                self.send_header(name, text)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def faulty_store(store: ObjectStore) -> Iterator[FaultyStore]:
    made = FaultyStore(store)
    handler = type("Handler", (_Between,), {"faulty": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="faulty store")
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _command() -> str:
    """Of this interpreter, or MOTO_SERVER: one that lies about elsewhere may be too old for uploads in parts."""
    beside = Path(sys.executable).with_name("moto_server")
    found = str(beside) if beside.exists() else os.environ.get("MOTO_SERVER")
    if found:
        return found
    missing = "no moto_server: pip install -r requirements-dev.txt"
    if IN_CI:
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    port = free_port()
    process = subprocess.Popen(
        [_command(), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        eventually(lambda: _makes_bucket(port), 60, what="the object store")
        yield ObjectStore(port, process)
    finally:
        process.kill()
        process.wait()


def _makes_bucket(port: int) -> bool:
    with suppress(OSError, http.client.HTTPException):
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            asked.request("PUT", f"/{BUCKET}", headers={"Authorization": SIGNED})
            return asked.getresponse().status == 200
        finally:
            asked.close()
    return False
