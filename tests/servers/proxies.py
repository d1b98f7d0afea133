"""A real nginx before products, with TLS, as docs/deploy/nginx.conf configures it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hosting.trial.ports import free_port
from tests.harness import IN_CI, ROOT, children, eventually
from tests.servers.certificates import write_certificate

NGINX = Path("/usr/sbin/nginx")
SITE = ROOT / "docs/deploy/nginx.conf"  # as operators copy it
PREFIX = "/progress"
AROUND = """\
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
  uwsgi_temp_path {directory}; scgi_temp_path {directory};
  {site}
}}
"""


@contextlib.contextmanager
def nginx_before(*ports: int, directory: Path, tells: bool = True) -> Iterator[str]:
    """The URL of an nginx that has the servers on these ports below /progress/. Skips without nginx, fails in CI.

    It is configured by SITE; without `tells` it says nothing of where its clients see it.
    """
    skip_without_nginx()
    nginx = Nginx(*ports, directory=directory, tells=tells)
    nginx.start()
    try:
        yield f"https://127.0.0.1:{nginx.port}{PREFIX}"
    finally:
        nginx.stop()


class Nginx:
    """A real nginx, with a certificate that nobody else knows."""

    def __init__(
        self, *ports: int, directory: Path, tells: bool = True, site: str | None = None
    ) -> None:
        """`site`: another one than SITE, with PORT and DIRECTORY in place of its own port and that of its certificate."""
        directory.mkdir()
        self.port = free_port()
        self.certificate, _ = write_certificate(directory, "localhost")
        self._directory = directory
        self._configuration = directory / "nginx.conf"
        if site is None:
            site = _site(ports, self.port, directory, tells)
        site = site.replace("PORT", str(self.port)).replace("DIRECTORY", str(directory))
        self._configuration.write_text(AROUND.format(directory=directory, site=site))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ("-p", self._directory, "-c", self._configuration, "-e", "stderr")
        self._process = subprocess.Popen([NGINX, *options])
        eventually(lambda: _listens(self.port), what="nginx listens")

    def kill(self) -> None:
        """kill -9 of its master and of its workers, as when the machine is gone."""
        assert self._process is not None
        workers = children(self._process.pid)
        self._process.kill()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        self._process.wait(10.0)

    def stop(self) -> None:
        """Ends it; harmless when it is gone already."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10.0)


def skip_without_nginx() -> None:
    if not NGINX.exists():
        reason = f"NO TEST BEHIND NGINX RAN: there is no {NGINX} (apt-get install nginx)"
        pytest.fail(reason) if IN_CI else pytest.skip(reason)


def _site(ports: Sequence[int], own_port: int, directory: Path, tells: bool) -> str:
    site = SITE.read_text(encoding="utf-8")
    first, *others = re.findall(r"  server 127[^\n]+\n", site)
    servers = "".join(first.replace("8080", str(port)) for port in ports)
    changes = {"".join([first, *others]): servers, "listen 443": f"listen 127.0.0.1:{own_port}"}
    for kind, name in (("pem", "certificate"), ("key", "key")):
        changes[f"/etc/ssl/progress.{kind}"] = f"{directory}/{name}.pem"
    for found, ours in changes.items():
        assert found in site
        site = site.replace(found, ours)
    return site if tells else re.sub(r" +proxy_set_header (Host|X-)[^\n]+\n", "", site)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
