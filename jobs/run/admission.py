"""Credentials of programs on NATS: which program may connect, and what it may publish (its job's progress only).

A nats-server with an auth callout (docs/nats.md) asks on `$SYS.REQ.USER.AUTH` about each user who is not in its
configuration. All runners listen. The runner that executes the run admits its program.
"""

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jobs.run.nkeys import Claims, Issuer, claims_of
from jobs.store.records import Run
from progress_lib.nats.link import Link, Message
from progress_lib.subjects import check_id, prefixed, progress_subject

LOG = logging.getLogger(__name__)

SUBJECT = "$SYS.REQ.USER.AUTH"
# Seconds that the start of a program waits for the link on which the server asks about it
READY_WAIT = 5.0
ACCOUNT_NAME = "$G"  # the one account of a server without accounts
_NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Ticket:
    """The run that a NATS user name stands for: `<tenant>.<job>.<run>`."""

    tenant_id: str
    job_id: str
    run_id: str

    @classmethod
    def of(cls, run: Run) -> "Ticket":
        return cls(run.tenant_id, str(run.job_id), run.run_id)

    @classmethod
    def parse(cls, user: object) -> "Ticket":
        """Raises ValueError."""
        if not isinstance(user, str) or user.count(".") != 2:
            raise ValueError("no run's name")
        tenant_id, job_id, run_id = (check_id(part) for part in user.split("."))
        return cls(tenant_id, job_id, run_id)

    def __str__(self) -> str:
        return f"{self.tenant_id}.{self.job_id}.{self.run_id}"

    def permissions(self, prefix: str = "") -> dict[str, Any]:
        """The permissions of a program: it may publish its job's progress, and subscribe to nothing."""
        subject = prefixed(prefix, progress_subject(self.tenant_id, self.job_id))
        return {"pub": {"allow": [subject]}, "sub": {"deny": [">"]}}


class Admission:
    """Gives each run a credential, and answers the server that asks about it. Any thread may call.

    A credential is valid while `is_at_work` is true of its run. All runners share the seed, so each
    can refuse a wrong password. Only the runner that executes the run accepts a right one.
    """

    def __init__(
        self,
        nats_url: str,
        issuer: Issuer,
        is_at_work: Callable[[Ticket], bool],
        link: Link | None = None,
    ) -> None:
        """`link` becomes its own, to start and to close, so that a flood of progress delays no login."""
        self._url = nats_url
        self._issuer = issuer
        self._key = hashlib.sha256(b"password of a run" + issuer.raw_seed).digest()
        self._is_at_work = is_at_work
        self._link = link or Link(nats_url, name="admission")

    def start(self) -> None:
        self._link.subscribe(SUBJECT, self._asked)
        self._link.start()

    def close(self) -> None:
        self._link.close()

    def url_for(self, run: Run) -> str:
        """The NATS URL with this run's credential. Waits until the program can log in, up to READY_WAIT."""
        self._link.wait_up(READY_WAIT)
        ticket = Ticket.of(run)
        return with_user(self._url, str(ticket), self._password(ticket))

    def _password(self, ticket: Ticket) -> str:
        return hmac.new(self._key, str(ticket).encode(), hashlib.sha256).hexdigest()

    # ---- link thread

    def _asked(self, message: Message) -> None:
        if not message.reply:
            return
        try:
            asked = claims_of(message.payload)["nats"]
            server, user_key = str(asked["server_id"]["id"]), str(asked["user_nkey"])
            options = asked["connect_opts"]
        except (ValueError, LookupError, TypeError) as error:
            LOG.warning("a question of admission that cannot be read: %s", type(error).__name__)
            return
        ticket = self._ticket(options)
        if ticket is None:
            answer: Claims = {"error": "neither a user of the server's nor a run"}
        elif self._is_at_work(ticket):
            answer = {"jwt": self._user(ticket, user_key)}
        else:
            # Another runner may have it. If none has, the server refuses after its timeout.
            return
        response = {"type": "authorization_response", "version": 2, **answer}
        signed = self._issuer.sign({**_about(user_key, server), "nats": response})
        self._link.publish(message.reply, signed.encode())

    def _ticket(self, options: Claims) -> Ticket | None:
        """The run whose user name and password these are; None when they belong to no run."""
        try:
            ticket = Ticket.parse(options.get("user"))
        except (ValueError, AttributeError):
            return None
        password = str(options.get("pass", "")).encode()
        return ticket if hmac.compare_digest(password, self._password(ticket).encode()) else None

    def _user(self, ticket: Ticket, user_key: str) -> str:
        limits = {"subs": _NO_LIMIT, "data": _NO_LIMIT, "payload": _NO_LIMIT}
        user = {**ticket.permissions(self._link.prefix), **limits, "type": "user", "version": 2}
        about = _about(user_key, ACCOUNT_NAME)
        return self._issuer.sign({**about, "name": str(ticket), "nats": user})


def _about(subject: str, audience: str) -> Claims:
    return {"jti": secrets.token_hex(16), "iat": int(time.time()), "sub": subject, "aud": audience}


def with_user(urls: str, user: str, password: str) -> str:
    """The same server URLs with this user and password, which replace those that stand there."""
    return ",".join(_with_user(url.strip(), user, password) for url in urls.split(","))


def _with_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{user}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()
