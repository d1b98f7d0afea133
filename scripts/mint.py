"""Mints tokens with the secret of the server that the environment describes: scripts/token."""

from __future__ import annotations

import argparse
import os
import sys
import time

import jwt

from settings import Settings, SettingsError

DEFAULT_HOURS = 12.0  # a working day and an evening
SCOPES = ("jobs:read", "jobs:write", "jobs:execute")


def mint(
    settings: Settings,
    *,
    tenant: str | None = None,
    scope: str | None = None,
    hours: float = DEFAULT_HOURS,
) -> str:
    """A token for `tenant` (default: the server's own) that lives `hours`; SettingsError without a secret."""
    now = int(time.time())
    claims: dict[str, object] = {
        "sub": "local",
        "tenant_id": tenant or settings.tenant_id,
        "iat": now,
        "exp": now + int(hours * 3600),
    }
    if scope:
        claims["scope"] = scope
    return jwt.encode(claims, settings.signing_key(), algorithm="HS256")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/token",
        description="Prints a token that the server accepts which runs with the same environment "
        "(JWT_SECRET, or the secret kept in DATA_DIR).",
    )
    parser.add_argument("--tenant", metavar="T", help="tenant_id of the token (default: TENANT_ID)")
    parser.add_argument(
        "--scope", metavar="S", help=f"limit it to some of: {' '.join(SCOPES)} (default: all)"
    )
    parser.add_argument(
        "--hours", metavar="N", type=float, default=DEFAULT_HOURS, help="its life (%(default)g)"
    )
    options = parser.parse_args(arguments)
    if options.hours <= 0:
        parser.error("--hours must be more than 0")
    unknown = sorted(set((options.scope or "").split()) - set(SCOPES))
    if unknown:
        parser.error(f"unknown scope {', '.join(unknown)}; known: {', '.join(SCOPES)}")
    return options


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    try:
        settings = Settings.from_env(os.environ)
        print(mint(settings, tenant=options.tenant, scope=options.scope, hours=options.hours))
    except SettingsError as error:
        print(f"scripts/token: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
