"""What a program's environment says of NATS and of the tenant it reports for."""

from __future__ import annotations

import os

from progress_lib.nats import Link

NATS_URL = "nats://127.0.0.1:4222"
TENANT_ID = "default"


def nats_url() -> str:
    return os.environ.get("NATS_URL") or NATS_URL


def tenant_id() -> str:
    return os.environ.get("TENANT_ID") or TENANT_ID


def program_link(
    url: str, name: str, prefix: str | None = None, ca_file: str | None = None
) -> Link:
    """A link as NATS_PREFIX, NATS_CA_FILE, NATS_CERT_FILE and NATS_KEY_FILE say, unless `prefix` or `ca_file` is given.

    Raises ValueError for an URL or a prefix that cannot be.
    """
    if prefix is None:
        prefix = os.environ.get("NATS_PREFIX", "")
    ca, own, key = (os.environ.get(f"NATS_{kind}_FILE") or None for kind in ("CA", "CERT", "KEY"))
    return Link(url, name=name, prefix=prefix, tls_ca=ca_file or ca, tls_cert=own, tls_key=key)
