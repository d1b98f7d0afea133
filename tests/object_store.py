"""A real S3-compatible server on 127.0.0.1: moto's, in a process of its own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

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
