"""Reads what a request says of a webhook."""

from __future__ import annotations

from typing import Any

from jobs.http.body import invalid, unknown_member
from jobs.http.problems import Problem
from jobs.store.webhooks.records import Form, NewWebhook, Told
from program_lib.network.outgoing import BadUrl, Refused, Target, check_number
from settings.addresses import PrivateHosts

MEMBERS = ("url", "ends", "form", "jobId")


def new_webhook(body: dict[str, Any], allowed: PrivateHosts) -> NewWebhook:
    """Raises Problem (422). A member that is not known is refused: without a misspelt jobId it would be told of all jobs."""
    for name in body:
        if name not in (*MEMBERS, "enabled"):
            raise unknown(name)
    return NewWebhook(
        _url(body.get("url"), allowed), _ends(body.get("ends")), _form(body), _job(body)
    )


def unknown(name: str) -> Problem:
    return unknown_member(name, "a webhook", MEMBERS)


def enabled(body: dict[str, Any]) -> bool:
    """Raises Problem (422)."""
    found = body.get("enabled", True)
    if isinstance(found, bool):
        return found
    raise invalid("enabled", "must be true or false")


def _url(url: Any, allowed: PrivateHosts) -> str:
    if not isinstance(url, str):
        raise invalid("url", "must be the address of the receiver, such as https://host/path")
    try:
        check_number(Target.of(url), allowed)
    except BadUrl as error:
        raise invalid("url", str(error)) from None
    except Refused as error:
        raise invalid(
            "url", f"is refused: {error}; the operator may allow it with WEBHOOK_PRIVATE_HOSTS"
        ) from None
    return url


def _ends(ends: Any) -> frozenset[Told]:
    known = ", ".join(Told)
    if not isinstance(ends, list) or not ends:
        raise invalid("ends", f"must be a list of one or more of {known}")
    for word in ends:
        if word not in list(Told):
            raise invalid("ends", f"holds {word!r:.60}, and may hold {known}")
    return frozenset(Told(word) for word in ends)


def _form(body: dict[str, Any]) -> Form:
    form = body.get("form", Form.STANDARD)
    if form not in list(Form):
        raise invalid("form", f"must be one of {', '.join(Form)}, found {form!r:.60}")
    return Form(form)


def _job(body: dict[str, Any]) -> int | None:
    job_id = body.get("jobId")
    if job_id is None or type(job_id) is int:
        return job_id
    raise invalid("jobId", "must be the id of a job, or null for all jobs")
