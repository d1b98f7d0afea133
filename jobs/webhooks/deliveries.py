"""Delivers what the database has for webhooks. Each runner does; the database gives a delivery to one of them at a time."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.store.connections.database import StoreUnavailable
from jobs.store.webhooks.records import TEST, Claimed, DueWebhook, Result
from jobs.store.webhooks.store import Webhooks
from jobs.webhooks import signature
from jobs.webhooks.backoff import wait_after
from jobs.webhooks.bodies import body_of
from jobs.webhooks.turns import DeliveryTurns, host_of
from logs.complaint import Complaint
from metrics.families import WEBHOOK_DELIVERIES

if TYPE_CHECKING:
    from jobs.webhooks.post import Outcome
    from settings.defaults import WebhookSettings

LOG = logging.getLogger(__name__)

AT_ONCE = 16  # deliveries of a runner that are on their way, each with a thread of its own
DAY = 86_400.0
GONE = 410  # the receiver wants nothing any more
STOP_WAIT = 2.0  # seconds for deliveries on their way; others are sent again by another runner


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of the deliverer; seconds."""

    poll: float = 1.0  # between two looks for what other processes recorded
    retry: float = 5.0  # when the database does not answer
    # beyond a delivery's own time-out, until another runner takes it for one whose sender died
    lease: float = 15.0


@dataclass(frozen=True, slots=True)
class _Sending:
    """An attempt that is on its way, and the webhook whose place it holds, as it was when its turn came."""

    thread: threading.Thread
    place: DueWebhook


class Deliveries:
    """Sends deliveries on threads of their own. One thread calls `start` and `stop`; any thread may call `wake`."""

    def __init__(
        self,
        webhooks: Webhooks,
        settings: WebhookSettings,
        *,
        has_many_tenants: bool,
        pace: Pace | None = None,
    ) -> None:
        self._webhooks = webhooks
        self._settings = settings
        self._pace = pace or Pace()
        self._turns = DeliveryTurns(AT_ONCE, has_many_tenants)  # (deliverer thread)
        # (deliverer thread) by delivery and attempt: one that is replayed may be on its way twice
        self._sending: dict[tuple[str, int], _Sending] = {}
        self._lock = threading.Lock()
        self._results: list[Result] = []  # (lock) that the database does not have yet
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runner-deliverer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something may be due now."""
        self._woken.set()

    def stop(self) -> None:
        """Sends nothing further, and writes how those on their way went that end soon."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(STOP_WAIT + self._pace.retry)

    # ---- (deliverer thread)

    def _run(self) -> None:
        complaint = Complaint()
        while not self._stopping.is_set():
            wait = self._pace.poll
            self._woken.clear()
            try:
                self._settle()
                self._send_due()
                complaint.clear()
            except StoreUnavailable as error:
                if complaint.is_news(str(error)):
                    LOG.warning("webhooks wait: %s", error)
                wait = self._pace.retry
            except Exception:
                LOG.exception("delivering failed")
                wait = self._pace.retry
            self._woken.wait(wait)
        self._end()

    def _end(self) -> None:
        deadline = time.monotonic() + STOP_WAIT
        for sending in list(self._sending.values()):
            sending.thread.join(max(deadline - time.monotonic(), 0.0))
        try:
            self._settle()
        except StoreUnavailable as error:  # then they are sent again
            LOG.warning("how deliveries went is not written: %s", error)

    def _settle(self) -> None:
        """Writes what came back, in one transaction; what the database does not take is tried again."""
        with self._lock:
            results = list(self._results)
        if not results:
            return
        for result in results:
            self._forget(result.claimed)
        disabled = self._webhooks.settle(results)
        with self._lock:
            del self._results[: len(results)]
        for result in results:
            _tell(result)
        for webhook_id, why in disabled.items():
            LOG.warning("webhook %s is disabled: %s", webhook_id, why)

    def _forget(self, claimed: Claimed) -> None:
        sending = self._sending.pop((claimed.delivery_id, claimed.attempt), None)
        if sending is not None:  # else its result could not be written before
            sending.thread.join()
            self._turns.give_back(sending.place)

    def _send_due(self) -> None:
        if self._turns.free == 0:
            return
        picked = self._turns.pick(self._webhooks.due())
        if not picked:
            return
        claimed = self._claimed(picked)
        for number, (one, place) in enumerate(claimed):
            try:
                self._send(one, place)
            except RuntimeError as error:  # no thread is left; after the lease they are due again
                LOG.warning("webhooks wait: %s", error)
                for _, unused in claimed[number:]:
                    self._turns.give_back(unused)
                return
        if claimed:  # more may be due for the same
            self._woken.set()

    def _claimed(self, picked: list[DueWebhook]) -> list[tuple[Claimed, DueWebhook]]:
        """Those that are ours now, each with the place that it holds; the places of the others are free again."""
        lease = self._settings.timeout + self._pace.lease
        free = list(picked)
        try:
            claimed = self._webhooks.claim([one.webhook_id for one in picked], lease)
            return [(one, _place_of(one, free)) for one in claimed]
        finally:
            for unused in free:
                self._turns.give_back(unused)

    def _send(self, claimed: Claimed, place: DueWebhook) -> None:
        name = f"webhook-{claimed.delivery_id[:8]}"
        thread = threading.Thread(target=self._attempt, args=(claimed,), name=name, daemon=True)
        thread.start()
        self._sending[claimed.delivery_id, claimed.attempt] = _Sending(thread, place)

    # ---- (a delivery's own thread)

    def _attempt(self, claimed: Claimed) -> None:
        from jobs.webhooks.post import Outcome  # with HTTP and TLS, which most runners never need

        began = time.monotonic()
        try:
            outcome = self._posted(claimed)
        except Exception:
            LOG.exception("delivery %s failed", claimed.delivery_id)
            outcome = Outcome(error="it could not be made; the runner's log says why")
        now = claimed.claimed_at + time.monotonic() - began  # this machine's clock may be wrong
        with self._lock:
            self._results.append(result_of(claimed, outcome, self._settings, now))
        self._woken.set()

    def _posted(self, claimed: Claimed) -> Outcome:
        from jobs.webhooks.post import post

        body = body_of(claimed.document, claimed.form, self._settings.public_url)
        now = int(claimed.claimed_at)
        headers = signature.headers(claimed.secrets, claimed.delivery_id, now, body)
        allowed = self._settings.private_hosts
        return post(claimed.url, body, headers, allowed, self._settings.timeout)


def _place_of(claimed: Claimed, free: list[DueWebhook]) -> DueWebhook:
    """Takes the place that was picked for it: its webhook may have another URL since."""
    return free.pop(next(n for n, one in enumerate(free) if one.webhook_id == claimed.webhook_id))


def result_of(claimed: Claimed, outcome: Outcome, settings: WebhookSettings, now: float) -> Result:
    """What follows of an attempt. Pure, but for the jitter of the next one's time."""
    if outcome.error is None:
        return Result(claimed, now, outcome.answer)
    failed = (claimed, now, outcome.answer, outcome.error)
    if claimed.event == TEST:
        return Result(*failed)
    if outcome.answer == GONE:
        return Result(*failed, disable="the receiver answered 410: it is gone")
    wait = wait_after(claimed.attempt, settings.retry_wait, settings.attempts, outcome.retry_after)
    if wait is not None:
        return Result(*failed, next_at=now + wait)
    if claimed.attempt > settings.attempts:  # it is replayed, or who had the last attempt died
        return Result(*failed)
    days = settings.disable_days
    if not days or claimed.failing_since is None or now - claimed.failing_since <= days * DAY:
        return Result(*failed)
    why = f"nothing could be delivered for {days} days"
    return Result(*failed, disable=why, unless_taken=True)


def _tell(result: Result) -> None:
    """Counts an attempt, and logs what an operator should know."""
    claimed = result.claimed
    outcome = _outcome(result)
    WEBHOOK_DELIVERIES.labels(outcome).inc()
    if outcome == "failed":
        LOG.warning(
            "webhook %s (%s): delivery %s is given up after %d attempts: %s",
            *(claimed.webhook_id, host_of(claimed.url), claimed.delivery_id, claimed.attempt),
            result.error,
        )


def _outcome(result: Result) -> str:
    if result.claimed.event == TEST:  # who tries what does not work yet wakes nobody
        return "tested"
    if result.error is None:
        return "delivered"
    return "failed" if result.next_at is None else "retried"
