"""The handlers of webhooks. They change the database alone: runners post what it has."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from jobs.http import pages
from jobs.http.body import idempotency_key, json_object, request_hash
from jobs.http.handlers import Answer, Routes, TenantOf, address
from jobs.http.webhooks import bodies
from jobs.http.webhooks.documents import delivery_document, webhook_document
from jobs.http.webhooks.operations import DELIVERIES_A_PAGE
from jobs.store.webhooks.store import Webhooks
from jobs.webhooks.signature import new_secret
from settings.defaults import RequestLimits, WebhookSettings

SCOPE = "jobs:write"


class WebhookRoutes:
    def __init__(
        self,
        webhooks: Webhooks,
        tenant: TenantOf,
        limits: RequestLimits,
        settings: WebhookSettings,
    ) -> None:
        self._webhooks = webhooks
        self._tenant = tenant
        self._limits = limits
        self._settings = settings

    def routes(self) -> Routes:
        one, delivery = "/webhooks/<webhook_id>", "/webhooks/<webhook_id>/deliveries/<delivery_id>"
        return [
            ("GET", "/webhooks", self.list_webhooks),
            ("POST", "/webhooks", self.create_webhook),
            ("GET", one, self.read_webhook),
            ("PUT", one, self.replace_webhook),
            ("DELETE", one, self.delete_webhook),
            ("POST", f"{one}/secret", self.change_secret),
            ("POST", f"{one}/test", self.test_webhook),
            ("GET", f"{one}/deliveries", self.list_deliveries),
            ("GET", delivery, self.read_delivery),
            ("POST", f"{delivery}/replay", self.replay_delivery),
        ]

    def list_webhooks(self) -> Answer:
        tenant_id = self._tenant(SCOPE)
        found = self._webhooks.all_of(tenant_id, pages.job_of_webhooks())
        return jsonify({"webhooks": [webhook_document(one) for one in found]})

    def create_webhook(self) -> Answer:
        """With the Idempotency-Key of an earlier request, the answer is the webhook that this one made, with its secret."""
        tenant_id = self._tenant(SCOPE)
        body = json_object(self._limits)
        if "enabled" in body:
            raise bodies.unknown("enabled")
        new = bodies.new_webhook(body, self._settings.private_hosts)
        most, same = self._settings.per_tenant, request_hash("create webhook", body)
        made = self._webhooks.create(tenant_id, new, new_secret(), most, idempotency_key(), same)
        headers = {"Location": address(f"webhooks/{made.webhook.webhook_id}")}
        return jsonify({**webhook_document(made.webhook), "secret": made.secret}), 201, headers

    def read_webhook(self, webhook_id: str) -> Answer:
        return jsonify(webhook_document(self._webhooks.get(self._tenant(SCOPE), webhook_id)))

    def replace_webhook(self, webhook_id: str) -> Answer:
        tenant_id = self._tenant(SCOPE)
        body = json_object(self._limits)
        new = bodies.new_webhook(body, self._settings.private_hosts)
        changed = self._webhooks.replace(tenant_id, webhook_id, new, enabled=bodies.enabled(body))
        return jsonify(webhook_document(changed))

    def delete_webhook(self, webhook_id: str) -> Answer:
        self._webhooks.delete(self._tenant(SCOPE), webhook_id)
        return Response(status=204)

    def change_secret(self, webhook_id: str) -> Answer:
        """With the Idempotency-Key of the request that made the present secret, the answer is this secret, and nothing changes."""
        tenant_id, key = self._tenant(SCOPE), idempotency_key()
        made = self._webhooks.change_secret(tenant_id, webhook_id, new_secret(), key)
        return jsonify({"secret": made.secret, "previousUntil": made.previous_until})

    def test_webhook(self, webhook_id: str) -> Answer:
        """Ask for the delivery that is answered, until it has settled."""
        made = self._webhooks.test(self._tenant(SCOPE), webhook_id)
        return jsonify(delivery_document(made)), 202

    def list_deliveries(self, webhook_id: str) -> Answer:
        tenant_id = self._tenant(SCOPE)
        pages.know()
        limit, before = pages.limit(DELIVERIES_A_PAGE), pages.run_place()
        found = self._webhooks.deliveries(tenant_id, webhook_id, limit + 1, before)
        shown = found[:limit]
        told: dict[str, Any] = {"deliveries": [delivery_document(one) for one in shown]}
        following = None
        if len(found) > limit:
            following = pages.run_cursor(shown[-1].delivery_id, shown[-1].created_at)
        return jsonify({**told, "next": following})

    def read_delivery(self, webhook_id: str, delivery_id: str) -> Answer:
        found = self._webhooks.delivery(self._tenant(SCOPE), webhook_id, delivery_id)
        return jsonify(delivery_document(found))

    def replay_delivery(self, webhook_id: str, delivery_id: str) -> Answer:
        again = self._webhooks.replay(self._tenant(SCOPE), webhook_id, delivery_id)
        return jsonify(delivery_document(again)), 202
