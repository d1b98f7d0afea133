"""A real nginx before a product, with TLS: `location /progress/ { … }` hands requests to it."""

from __future__ import annotations

import contextlib
import datetime
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hosting.ports import free_port
from tests.harness import IN_CI, eventually

NGINX = Path("/usr/sbin/nginx")
CONFIGURATION = """\
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
  uwsgi_temp_path {directory}; scgi_temp_path {directory};
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {directory}/cert.pem;
    ssl_certificate_key {directory}/key.pem;
    location / {{ return 404; }}
    location /progress/ {{
      proxy_pass {upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 30s;
      {more}
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx_before(upstream: str, directory: Path, more: str = "") -> Iterator[str]:
    """The URL of an nginx whose /progress/ is `upstream`; `more`: lines of that location. Skips without nginx, fails in CI."""
    if not NGINX.exists():
        reason = f"NO TEST BEHIND NGINX RAN: there is no {NGINX} (apt-get install nginx)"
        pytest.fail(reason) if IN_CI else pytest.skip(reason)
    directory.mkdir()
    _make_certificate(directory)
    port = free_port()
    configuration = directory / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(directory=directory, port=port, upstream=upstream, more=more)
    )
    process = subprocess.Popen([NGINX, "-p", directory, "-c", configuration, "-e", "stderr"])
    try:
        eventually(lambda: _listens(port), what="nginx listens")
        yield f"https://127.0.0.1:{port}/progress"
    finally:
        process.terminate()
        process.wait(10.0)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _make_certificate(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (directory / "cert.pem").write_bytes(certificate.public_bytes(pem))
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    (directory / "key.pem").write_bytes(secret)
