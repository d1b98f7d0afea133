"""A bucket that a connection names, and how it is asked: by pyarrow, whose S3 library starts with the first use.

A program is a fork of a warm interpreter, so the library must not start before the fork: importing this starts nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pyarrow import fs

from program_lib.errors import ProgramError, TargetFailed, shortened
from program_lib.process.secrets import SECRETS

CONNECT_SECONDS, REQUEST_SECONDS = 5, 20  # of one attempt
ATTEMPTS = 3  # of one request; what is tried again is what the library takes for passing
OPTIONS = {"region", "tls", "style"}  # of a connection's URL
FORM = "s3://KEY:SECRET@HOST[:PORT]/BUCKET[/PREFIX]?region=…&tls=off&style=virtual"
# Nothing but the connection's own keys: no profile of a home directory, and no host of a cloud's metadata
_AMBIENT = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
# What the library says → what is told; the first that is found
_SAID = (
    ("RequestTimeTooSkewed|REQUEST_TIME_TOO_SKEWED|clock skew", "refuses the time of this machine: set its clock"),
    ("InvalidAccessKeyId|INVALID_ACCESS_KEY_ID", "does not know the connection's key"),
    ("SignatureDoesNotMatch|SIGNATURE_DOES_NOT_MATCH", "refuses the connection's secret"),
    ("NoSuchBucket|NO_SUCH_BUCKET|bucket does not exist", "has no such bucket"),
    ("ACCESS_DENIED|AccessDenied|HTTP status 403", "does not let the connection's key do that"),
    ("NETWORK_CONNECTION|curlCode|[Cc]onnection|timed? ?out", "does not answer"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket, or what lies below a prefix of it."""

    name: str  # of the connection
    endpoint: str  # its host and port
    base: str  # the bucket, and the prefix
    filesystem: fs.S3FileSystem = field(compare=False, repr=False)

    def key(self, path: str) -> str:
        return f"{self.base}/{path}"

    @contextmanager
    def asked(self, path: str) -> Iterator[None]:
        """What the library says of a failure is said of the path; TargetFailed, since no row is the reason of it."""
        try:
            yield
        except FileNotFoundError as error:
            raise TargetFailed(f"{self._where(path)} {self._why_missing()}") from error
        except OSError as error:
            raise TargetFailed(f"{self._where(path)}: the store {self._why(error)}") from error

    def _why(self, error: OSError) -> str:
        """What is wrong. Where only the headers of an object were asked for, the store had no room to say why it refuses."""
        said = str(error)
        if "HeadObject" not in said and "HeadBucket" not in said:
            return _told(said)
        try:
            self.filesystem.get_file_info(
                fs.FileSelector(f"{self.base}/.none", allow_not_found=True)
            )
        except OSError as another:
            said = str(another)
        return _told(said)

    def _where(self, path: str) -> str:
        return f"s3://{self.name}/{path}"

    def _why_missing(self) -> str:
        bucket = self.base.partition("/")[0]
        with self.asked(""):
            is_there = self.filesystem.get_file_info(bucket).type != fs.FileType.NotFound
        return "is not there" if is_there else f"is not there: there is no bucket {bucket}"


def _told(said: str) -> str:
    found = next((told for pattern, told in _SAID if re.search(pattern, said)), None)
    return f"{found or 'fails'} ({shortened(said)})"


@cache
def named_store(name: str) -> Store:
    """The store that CONNECTION_<NAME> describes; its key and secret are hidden from now on. Raises ProgramError, with none of it."""
    text = os.environ.get(f"CONNECTION_{name.upper()}", "")
    if not text:
        raise ProgramError(
            f"the connection {name} is not known: CONNECTION_{name.upper()} is not set, or is for other tenants"
        )
    if not text.startswith("s3://"):
        raise ProgramError(f"the connection {name} is no object store: its URL is no {FORM}")
    return _store(name, text)


def _store(name: str, text: str) -> Store:
    try:
        parts = urlsplit(text)
        key, secret = unquote(parts.username or ""), unquote(parts.password or "")
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ProgramError(f"the URL of the connection {name} is no {FORM}") from None
    base = unquote(parts.path).strip("/")
    if not (key and secret and host and base) or set(options) - OPTIONS or ".." in base.split("/"):
        raise ProgramError(f"the URL of the connection {name} is no {FORM}")
    for one in (key, secret):
        SECRETS.update({one, quote(one), quote(one, safe="")})
    os.environ.update(_AMBIENT)
    shown = f"[{host}]" if ":" in host else host
    endpoint = f"{shown}:{port or (80 if options.get('tls') == 'off' else 443)}"
    asked = f"{shown}:{port}" if port else shown
    return Store(name, endpoint, base, _filesystem(key, secret, asked, options))


def _filesystem(key: str, secret: str, endpoint: str, options: dict[str, str]) -> fs.S3FileSystem:
    return fs.S3FileSystem(
        access_key=key,
        secret_key=secret,
        region=options.get("region", "us-east-1"),
        scheme="http" if options.get("tls") == "off" else "https",
        endpoint_override=endpoint,
        force_virtual_addressing=options.get("style") == "virtual",
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        background_writes=False,  # else what waits to be sent has no bound
    )
