"""Endpoints of an account, against a receiver that verifies with a library of the Standard Webhooks specification."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread

import pytest
from service_house import CALLER, STRANGER, House
from standardwebhooks import Webhook, WebhookVerificationError
from webhook_receiver import Receiver, receiving

from spark_avatar.accounts.audit import Actor
from spark_avatar.accounts.sql.audit import SqlAuditLog
from spark_avatar.errors import Conflict, InvalidOptions
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.http_sender import HttpSender
from spark_avatar.service.webhook_endpoints import MOST_ENDPOINTS, WebhookEndpoints
from spark_avatar.service.webhooks import FAILING, SCHEDULE, WebhookDeliverer, WebhookSigner
from spark_avatar.tasks.endpoints import DisabledBecause, Endpoint
from spark_avatar.tasks.sql.deliveries import SqlDeliveryStore
from spark_avatar.tasks.sql.endpoints import SqlEndpointStore

OWNER = Actor("user:ada")
ADA = CALLER.account_id


@dataclass
class Hooks:
    """An account with its endpoints, and the deliverer that serves them."""

    house: House
    sending: WebhookDeliverer
    own: WebhookEndpoints
    secrets: dict[str, str] = field(default_factory=dict)

    def create(self, url: str, events: tuple[str, ...] | None = None) -> Endpoint:
        endpoint, self.secrets["now"] = self.own.create(ADA, url, events=events, description="", actor=OWNER)
        return endpoint

    def get(self, endpoint: Endpoint) -> Endpoint:
        return self.own.endpoints.get(endpoint.id, ADA)

    def end_a_task(self) -> str:
        task = self.house.submit()
        self.house.tasks.cancel(task.id, caller=CALLER)
        return task.id


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hooks(house: House) -> Hooks:
    # The library compares with the real clock.
    house.clock.now = house.clock.now.fromtimestamp(int(time.time()), house.clock.now.tzinfo)
    signer, deliveries, endpoints = WebhookSigner(b"s" * 32), SqlDeliveryStore(house.database), SqlEndpointStore(house.database)
    sender = HttpSender(AllowList.parse(("127.0.0.1/32",)))
    audit = SqlAuditLog(house.database)
    sending = WebhookDeliverer(deliveries, endpoints, house.store, sender, signer, audit, clock=house.clock)
    own = WebhookEndpoints(endpoints, deliveries, signer, audit, clock=house.clock)
    return Hooks(house, sending, own)


def test_every_endpoint_is_told_and_verifies_with_its_own_secret(hooks: Hooks, receiver: Receiver):
    hooks.create(receiver.url + "/one")
    first = hooks.secrets["now"]
    hooks.create(receiver.url + "/two")
    second = hooks.secrets["now"]
    task_id = hooks.end_a_task()
    hooks.sending.step()
    by_path = {message.path: message for message in receiver.messages}
    assert by_path.keys() == {"/one", "/two"}
    told = Webhook(first).verify(by_path["/one"].body, by_path["/one"].headers)
    assert (told["type"], told["data"]["id"]) == ("task.canceled", task_id)
    Webhook(second).verify(by_path["/two"].body, by_path["/two"].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(first).verify(by_path["/two"].body, by_path["/two"].headers)


def test_events_that_were_not_asked_for_are_not_told(hooks: Hooks, receiver: Receiver):
    hooks.create(receiver.url, events=("task.completed",))
    hooks.end_a_task()
    hooks.sending.step()
    assert receiver.messages == []


def test_both_secrets_sign_during_the_grace_of_a_rotation(hooks: Hooks, receiver: Receiver):
    endpoint = hooks.create(receiver.url)
    old = hooks.secrets["now"]
    _, new = hooks.own.rotate(endpoint.id, ADA, grace=timedelta(minutes=4), actor=OWNER)
    assert new != old
    hooks.own.test(endpoint.id, ADA)
    hooks.sending.step()
    (message,) = receiver.messages
    assert len(message.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(message.body, message.headers)["type"] == "webhook.test"
    hooks.house.clock.forward(240)
    hooks.own.test(endpoint.id, ADA)
    hooks.sending.step()
    late = receiver.messages[-1]
    assert Webhook(new).verify(late.body, late.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(late.body, late.headers)
    assert hooks.own.secret(endpoint.id, ADA, actor=OWNER)[1] == new


def test_without_grace_the_old_secret_ends_at_once(hooks: Hooks, receiver: Receiver):
    endpoint = hooks.create(receiver.url)
    old = hooks.secrets["now"]
    hooks.own.rotate(endpoint.id, ADA, grace=timedelta(0), actor=OWNER)
    hooks.own.test(endpoint.id, ADA)
    hooks.sending.step()
    (message,) = receiver.messages
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(message.body, message.headers)


def test_an_endpoint_that_is_gone_is_switched_off_at_once(hooks: Hooks, receiver: Receiver):
    endpoint = hooks.create(receiver.url)
    receiver.status = 410
    hooks.end_a_task()
    hooks.sending.step()
    assert hooks.get(endpoint).disabled_because is DisabledBecause.GONE
    assert switched_off(hooks) == [(endpoint.id, "gone")]
    hooks.end_a_task()
    hooks.house.clock.forward(86400)
    hooks.sending.step()
    assert len(receiver.messages) == 1
    with pytest.raises(Conflict, match="disabled"):
        hooks.own.test(endpoint.id, ADA)


def fail_for(hooks: Hooks, endpoint: Endpoint, length: timedelta) -> None:
    """There is something to tell every few hours, and nothing arrives."""
    end = hooks.house.clock.now + length
    while hooks.house.clock.now < end:
        hooks.own.test(endpoint.id, ADA)
        hooks.sending.step()
        hooks.house.clock.forward(12 * 3600)


def test_an_endpoint_that_fails_for_days_is_switched_off_and_comes_back(hooks: Hooks, receiver: Receiver):
    endpoint = hooks.create(receiver.url)
    receiver.status = 500
    fail_for(hooks, endpoint, FAILING)
    assert hooks.get(endpoint).disabled_at is None
    fail_for(hooks, endpoint, timedelta(hours=12))
    hooks.sending.step()
    assert hooks.get(endpoint).disabled_because is DisabledBecause.FAILING
    assert switched_off(hooks) == [(endpoint.id, "failing")]
    receiver.status, seen = 200, len(receiver.messages)
    hooks.sending.step()
    assert len(receiver.messages) == seen
    back = hooks.own.change(endpoint.id, ADA, url=None, events=None, description=None, enabled=True, actor=OWNER)
    assert (back.disabled_at, back.failing_since) == (None, None)
    hooks.house.clock.forward(86400)
    hooks.sending.step()
    assert len(receiver.messages) > seen, "what waited goes out now"


def switched_off(hooks: Hooks) -> list[tuple[str, object]]:
    """The endpoints that the audit log says were switched off by themselves, and why."""
    events = [event for event in hooks.own.audit.page(ADA, limit=99) if event.action == "webhook.disabled"]
    assert {event.actor for event in events} <= {"webhook delivery"}
    return [((event.subject or "").removeprefix("webhook:"), event.details["because"]) for event in events]


def test_more_than_a_day_is_tried():
    assert timedelta(days=1) < sum(SCHEDULE, timedelta()) < timedelta(days=1.5)


def test_one_message_that_arrives_clears_the_record(hooks: Hooks, receiver: Receiver):
    endpoint = hooks.create(receiver.url)
    for _ in range(3):
        receiver.status = 500
        fail_for(hooks, endpoint, timedelta(days=4))
        receiver.status = 200
        hooks.own.test(endpoint.id, ADA)
        hooks.sending.step()
    assert hooks.get(endpoint).disabled_at is None


def test_a_delivery_is_given_up_after_the_schedule_and_can_be_replayed(hooks: Hooks, receiver: Receiver):
    hooks.create(receiver.url)
    receiver.status = 503
    task_id = hooks.end_a_task()
    hooks.sending.step()
    for pause in SCHEDULE:
        hooks.house.clock.forward(pause.total_seconds())
        hooks.sending.step()
    (given_up,) = hooks.own.delivered(ADA, limit=9, task_id=task_id)
    assert (given_up.next_at, given_up.delivered_at, given_up.attempts) == (None, None, len(SCHEDULE) + 1)
    receiver.status = 200
    hooks.own.replay(given_up.id, ADA, actor=OWNER)
    hooks.sending.step()
    found, attempts = hooks.own.delivery(given_up.id, ADA)
    assert found.delivered_at == hooks.house.clock.now
    assert [attempt.status for attempt in attempts] == [503] * (len(SCHEDULE) + 1) + [200]
    assert [attempt.number for attempt in attempts] == list(range(1, len(SCHEDULE) + 3))
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 1


def test_what_arrived_can_be_replayed_too(hooks: Hooks, receiver: Receiver):
    hooks.create(receiver.url)
    hooks.end_a_task()
    hooks.sending.step()
    (delivered,) = hooks.own.delivered(ADA, limit=9)
    hooks.own.replay(delivered.id, ADA, actor=OWNER)
    hooks.sending.step()
    first, second = receiver.messages
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


def test_a_target_that_is_not_public_is_not_sent_to(hooks: Hooks, receiver: Receiver):
    guarded = WebhookDeliverer(
        hooks.sending.deliveries,
        hooks.sending.endpoints,
        hooks.house.store,
        HttpSender(AllowList()),
        hooks.sending.signer,
        hooks.own.audit,
        clock=hooks.house.clock,
    )
    endpoint = hooks.create(receiver.url)
    hooks.own.test(endpoint.id, ADA)
    guarded.step()
    assert receiver.messages == []
    (refused,) = hooks.own.delivered(ADA, limit=9, endpoint_id=endpoint.id)
    assert refused.last_error == "not a public address"


def test_servers_at_once_send_each_message_once(hooks: Hooks, receiver: Receiver):
    for path in ("/a", "/b", "/c"):
        hooks.create(receiver.url + path)
    hooks.end_a_task()
    servers = [Thread(target=hooks.sending.step) for _ in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert sorted(message.path for message in receiver.messages) == ["/a", "/b", "/c"]


@pytest.mark.parametrize(
    ("url", "events", "description"),
    [
        ("ftp://example.org", None, ""),
        ("https://u:p@example.org", None, ""),
        ("https://0x7f.1/", None, ""),
        ("https://example.org/" + "a" * 3000, None, ""),
        ("https://example.org", (), ""),
        ("https://example.org", ("task.started",), ""),
        ("https://example.org", None, "x" * 300),
        ("https://example.org", None, "a\0b"),
    ],
)
def test_an_endpoint_that_cannot_be_one_is_refused(hooks: Hooks, url: str, events: tuple[str, ...] | None, description: str):
    with pytest.raises(InvalidOptions):
        hooks.own.create(ADA, url, events=events, description=description, actor=OWNER)
    assert hooks.own.endpoints.of_account(ADA) == []


def test_so_many_and_no_more(hooks: Hooks):
    for number in range(MOST_ENDPOINTS):
        hooks.create(f"https://example.org/{number}")
    with pytest.raises(Conflict):
        hooks.create("https://example.org/more")
    hooks.own.create(STRANGER.account_id, "https://example.org", events=None, description="", actor=OWNER)


def test_what_was_done_stands_in_the_audit_log(hooks: Hooks, receiver: Receiver):
    endpoint = hooks.create(receiver.url)
    hooks.own.rotate(endpoint.id, ADA, grace=timedelta(0), actor=OWNER)
    hooks.own.change(endpoint.id, ADA, url=None, events=None, description="x", enabled=False, actor=OWNER)
    hooks.own.remove(endpoint.id, ADA, actor=OWNER)
    events = hooks.own.audit.page(ADA, limit=9)
    assert {event.action for event in events} == {
        "webhook.created",
        "webhook.rotated",
        "webhook.changed",
        "webhook.disabled",
        "webhook.removed",
    }
    assert "whsec_" not in repr(events)
