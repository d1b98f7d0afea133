"""The command scripts/token: prints a token, signed with the secret of the server that the environment describes."""

from __future__ import annotations

import argparse
import os
import sys

from hosting.reader import ended_with_reader
from progress_lib.subjects import EVERY_TENANT, check_id
from settings import Settings, SettingsError
from settings.defaults import MAX_SESSION_DAYS
from settings.shared import SCOPES
from web.callers.limits import JOB, RUN, Limit, limit_of
from web.callers.tokens import MAX_LIFE, mint

DEFAULT_HOURS = 12.0  # a working day and an evening
MAX_HOURS = MAX_LIFE // 3600  # the server refuses a token that lives longer


def mint_for(
    settings: Settings,
    *,
    tenant: str | None = None,
    scope: str | None = None,
    hours: float = DEFAULT_HOURS,
    session_days: int | None = None,
    limit: Limit | None = None,
) -> str:
    """A token for `tenant` (default: the server's own). Raises SettingsError when somebody else signs the tokens."""
    if settings.tokens.public_key:
        raise SettingsError("JWT_PUBLIC_KEY is set: its private key's owner signs the tokens")
    if tenant is None:
        if settings.tenant_id == EVERY_TENANT:
            raise SettingsError(f"TENANT_ID is {EVERY_TENANT}: say which tenant, with --tenant")
        tenant = settings.tenant_id
    if scope is None and settings.tokens.expected.default_scopes != SCOPES:
        scope = " ".join(sorted(SCOPES))  # without --scope, a token may do everything
    return mint(
        settings.signing_key(),
        tenant_id=tenant,
        hours=hours,
        scope=scope,
        subject="scripts",
        expected=settings.tokens.expected,
        session_days=session_days,
        limit=limit,
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    named = {JOB: options.job, RUN: options.run}
    try:
        options.limit = limit_of({claim: one for claim, one in named.items() if one is not None})
    except ValueError:
        parser.error("--job must be the number of a job, and --run the id of a run of that job")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/token",
        description="Prints a token for the server that runs with the same environment "
        "(JWT_SECRET, or the secret kept in DATA_DIR).",
    )
    parser.add_argument("--tenant", metavar="T", help="its tenant_id (default: TENANT_ID)")
    parser.add_argument(
        "--scope",
        metavar="S",
        help=f"limits it to some of: {' '.join(sorted(SCOPES))} (default: all)",
    )
    parser.add_argument(
        "--hours", metavar="N", type=float, default=DEFAULT_HOURS, help="its life (%(default)g)"
    )
    parser.add_argument(
        "--session-days",
        metavar="N",
        type=int,
        help="a browser that signs in with it stays signed in for N days, as the server's settings allow "
        "(default: until the token ends)",
    )
    parser.add_argument(
        "--job", metavar="N", type=int, help="limits it to this job, to look at and to execute"
    )
    parser.add_argument("--run", metavar="ID", help="limits it to this run of --job")
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if not 0 < options.hours <= MAX_HOURS:
        parser.error(f"--hours must be more than 0 and at most {MAX_HOURS}")
    if options.session_days is not None and not 0 < options.session_days <= MAX_SESSION_DAYS:
        parser.error(f"--session-days must be from 1 to {MAX_SESSION_DAYS}")
    if unknown := sorted(set((options.scope or "").split()) - SCOPES):
        parser.error(f"unknown scope {', '.join(unknown)}; known: {', '.join(sorted(SCOPES))}")
    if options.tenant is not None:
        try:
            check_id(options.tenant)
        except ValueError as error:
            parser.error(f"--tenant: {error}")


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    try:
        settings = Settings.from_env(os.environ)
        is_new = settings.makes_secret
        token = mint_for(
            settings,
            tenant=options.tenant,
            scope=options.scope,
            hours=options.hours,
            session_days=options.session_days,
            limit=options.limit,
        )
        print(token)
        if is_new:
            print(
                f"scripts/token: it made a secret in {settings.data_dir}: a server that is at work already has another one, and "
                "does not take this token; set DATA_DIR, or JWT_SECRET, as that server has it",
                file=sys.stderr,
            )
    except SettingsError as error:
        print(f"scripts/token: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(ended_with_reader(lambda: main(sys.argv[1:])))
