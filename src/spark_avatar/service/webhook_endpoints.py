"""Use cases of webhook endpoints: an account's own addresses, their secrets, and what was delivered."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from spark_avatar.accounts.audit import Actor, AuditLog
from spark_avatar.errors import Conflict, Fact, InvalidOptions
from spark_avatar.schemas.identity import AccountId
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.urls import parse_url
from spark_avatar.service.webhooks import WebhookSigner
from spark_avatar.tasks.deliveries import EVENTS, Attempt, Delivery, DeliveryFilter, DeliveryStore
from spark_avatar.tasks.endpoints import DisabledBecause, Endpoint, EndpointStore, EndpointTerms

MOST_ENDPOINTS: Final = 20
"""Of one account."""
_LONGEST_URL: Final = 2048
_LONGEST_DESCRIPTION: Final = 200


@dataclass(frozen=True)
class WebhookEndpoints:
    """What owners do with their endpoints. Methods that name an endpoint or a delivery raise `NotFound` for another account's."""

    endpoints: EndpointStore
    deliveries: DeliveryStore
    signer: WebhookSigner
    audit: AuditLog
    clock: Clock = utc_now

    def create(
        self, account_id: AccountId, url: str, *, events: tuple[str, ...] | None, description: str, actor: Actor
    ) -> tuple[Endpoint, str]:
        """A new endpoint and its secret. Raises `InvalidOptions`, and `Conflict` where there are too many."""
        terms = _checked(EndpointTerms(url, events if events is not None else EVENTS, description))
        endpoint = Endpoint(f"ep_{uuid.uuid4().hex}", account_id, terms, self.clock())
        self.endpoints.add(endpoint, most=MOST_ENDPOINTS)
        self._record("webhook.created", endpoint, actor, {"url": terms.url})
        return endpoint, self.signer.secret_of_endpoint(endpoint)

    def change(
        self,
        endpoint_id: str,
        account_id: AccountId,
        *,
        url: str | None,
        events: tuple[str, ...] | None,
        description: str | None,
        enabled: bool | None,
        actor: Actor,
    ) -> Endpoint:
        """What is None stays. An endpoint that is enabled again gets what waits for it, with a clean record. Raises
        `InvalidOptions`.
        """
        before = self.endpoints.get(endpoint_id, account_id)
        terms = _checked(
            EndpointTerms(
                url if url is not None else before.terms.url,
                events if events is not None else before.terms.events,
                description if description is not None else before.terms.description,
            )
        )
        if terms != before.terms:
            self.endpoints.change(endpoint_id, account_id, terms)
            self._record("webhook.changed", before, actor, {"url": terms.url})
        if enabled is True and before.disabled_at is not None:
            self.endpoints.enable(endpoint_id)
            self._record("webhook.enabled", before, actor)
        if enabled is False and self.endpoints.disable(endpoint_id, DisabledBecause.OWNER, now=self.clock()):
            self._record("webhook.disabled", before, actor)
        return self.endpoints.get(endpoint_id, account_id)

    def rotate(self, endpoint_id: str, account_id: AccountId, *, grace: timedelta, actor: Actor) -> tuple[Endpoint, str]:
        """A new secret. Until the grace is over, messages are signed with the one before as well."""
        endpoint = self.endpoints.rotate(endpoint_id, account_id, grace=grace, now=self.clock())
        self._record("webhook.rotated", endpoint, actor, {"grace_seconds": int(grace.total_seconds())})
        return endpoint, self.signer.secret_of_endpoint(endpoint)

    def secret(self, endpoint_id: str, account_id: AccountId, *, actor: Actor) -> tuple[Endpoint, str]:
        """The present secret."""
        endpoint = self.endpoints.get(endpoint_id, account_id)
        self._record("webhook.secret_shown", endpoint, actor)
        return endpoint, self.signer.secret_of_endpoint(endpoint)

    def remove(self, endpoint_id: str, account_id: AccountId, *, actor: Actor) -> None:
        """Forgets an endpoint, and what was or is to be delivered to it."""
        endpoint = self.endpoints.get(endpoint_id, account_id)
        self.endpoints.remove(endpoint_id, account_id)
        self._record("webhook.removed", endpoint, actor)

    def test(self, endpoint_id: str, account_id: AccountId) -> Delivery:
        """Sends a message that says nothing; raises `Conflict` for an endpoint that is disabled."""
        endpoint = self._enabled(endpoint_id, account_id)
        return self.deliveries.add_test(endpoint_id=endpoint.id, account_id=account_id, now=self.clock())

    def delivery(self, delivery_id: str, account_id: AccountId) -> tuple[Delivery, list[Attempt]]:
        """One delivery with all its attempts."""
        found = self.deliveries.get(delivery_id, account_id)
        return found, self.deliveries.attempts_of(found.id)

    def delivered(
        self, account_id: AccountId, *, limit: int, endpoint_id: str | None = None, task_id: str | None = None
    ) -> list[Delivery]:
        """The account's deliveries, newest first: all, or those to an endpoint, or those about a task."""
        if endpoint_id is not None:
            self.endpoints.get(endpoint_id, account_id)
        return self.deliveries.of_account(account_id, limit=limit, which=DeliveryFilter(endpoint_id, task_id))

    def replay(self, delivery_id: str, account_id: AccountId, *, actor: Actor) -> Delivery:
        """Sends a message again, delivered or not, with the same id. Raises `Conflict` where its endpoint is disabled."""
        found = self.deliveries.get(delivery_id, account_id)
        if found.endpoint_id is not None:
            self._enabled(found.endpoint_id, account_id)
        subject = f"delivery:{found.id}"
        self.audit.record("webhook.replayed", actor=actor, account=account_id, subject=subject)
        return self.deliveries.replay(found.id, account_id, now=self.clock())

    def _enabled(self, endpoint_id: str, account_id: AccountId) -> Endpoint:
        endpoint = self.endpoints.get(endpoint_id, account_id)
        if endpoint.disabled_at is not None:
            raise Conflict("The endpoint is disabled: enable it first.")
        return endpoint

    def _record(self, action: str, endpoint: Endpoint, actor: Actor, details: dict[str, Fact] | None = None) -> None:
        subject = f"webhook:{endpoint.id}"
        self.audit.record(action, actor=actor, account=endpoint.account_id, subject=subject, details=details)


class _UrlFaults:
    def invalid(self, reason: str) -> InvalidOptions:
        return InvalidOptions(f"`url` {reason}", facts={"option": "url"})


def _checked(terms: EndpointTerms) -> EndpointTerms:
    """Raises `InvalidOptions`. Whether the address is public is looked at when something is sent: names change."""
    faults = _UrlFaults()
    if len(terms.url) > _LONGEST_URL or not terms.url.lower().startswith(("http://", "https://")):
        raise faults.invalid(f"must be one http(s) address of at most {_LONGEST_URL} characters")
    parse_url(terms.url, faults)
    unknown = sorted(set(terms.events) - set(EVENTS))
    if unknown or not terms.events:
        raise InvalidOptions(f"`events` must name some of {', '.join(EVENTS)}.", facts={"option": "events"})
    if len(terms.description) > _LONGEST_DESCRIPTION or not terms.description.isprintable():
        raise InvalidOptions(f"`description` must be a line of at most {_LONGEST_DESCRIPTION} characters.")
    return replace(terms, events=tuple(event for event in EVENTS if event in terms.events))
