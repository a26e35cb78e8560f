"""What owners see of their webhooks."""

import base64
import itertools
import time
from collections.abc import Iterator

import httpx
import pytest
from contract_house import House
from standardwebhooks import Webhook
from strict_client import StrictClient, decode_error
from webhook_receiver import Receiver, receiving

from spark_avatar.accounts.keys import KeyTerms
from spark_avatar.accounts.roles import Scope

_numbers = itertools.count()

FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}
HOOKS = "/model/v1/generation/webhooks"


def test_deliveries_are_listed_for_their_owner(client: StrictClient, house: House) -> None:
    task = client.create(FLAT | {"webhook_url": "http://127.0.0.1:1/hook"})
    assert task["metadata"]["ignored"] == []
    assert client.http.get(HOOKS).json()["deliveries"] == [], "there is nothing to tell yet"
    client.http.delete(f"/model/v1/generation/task/{task['id']}")
    (waiting,) = client.http.get(HOOKS).json()["deliveries"]
    assert waiting == {
        "id": f"msg_{task['id']}",
        "task_id": task["id"],
        "event": "task.canceled",
        "url": "http://127.0.0.1:1/hook",
        "state": "waiting",
        "attempts": 0,
        "created_at": waiting["created_at"],
        "next_at": waiting["created_at"],
    }
    house.ports.webhooks.step()
    (tried,) = client.http.get(HOOKS).json()["deliveries"]
    assert (tried["state"], tried["attempts"], tried["last_error"]) == ("waiting", 1, "could not be reached")
    assert tried["next_at"] > waiting["next_at"]
    client.http.delete(f"/model/v1/generation/task/{task['id']}")
    assert client.http.get(HOOKS).json() == {"deliveries": []}


def test_a_key_that_only_reads_does_not_get_the_secret(server: str, house: House) -> None:
    _, reader = house.keys.create("reader", account=f"hooks-{next(_numbers)}", terms=KeyTerms(scopes=frozenset({Scope.READ})))
    with httpx.Client(base_url=server, timeout=30, headers={"Authorization": f"Bearer {reader}"}) as client:
        assert client.get(HOOKS).status_code == 200
        assert client.get(HOOKS + "/secret").status_code == 403


def test_the_secret_is_the_accounts_own(client: StrictClient, house: House, stranger: httpx.Client) -> None:
    secret = client.http.get(HOOKS + "/secret").json()["secret"]
    assert secret == client.http.get(HOOKS + "/secret").json()["secret"]
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    other = house.keys.create("other", account="hook-other")[1]
    assert stranger.get(HOOKS + "/secret", headers={"Authorization": f"Bearer {other}"}).json()["secret"] != secret


def test_an_address_that_cannot_be_one_is_a_400(http: httpx.Client) -> None:
    response = http.post("/model/v1/generation", json=FLAT | {"webhook_url": "file:///etc/passwd"})
    assert response.status_code == 400
    assert decode_error(response)["code"] == "invalid_parameter"


ENDPOINTS = "/api/v1/webhooks"


@pytest.fixture
def admin(server: str, house: House) -> Iterator[httpx.Client]:
    """Calls with a key that manages its workspace."""
    terms = KeyTerms(scopes=frozenset(Scope))
    _, secret = house.keys.create("manager", account=f"hooks-{next(_numbers)}", terms=terms)
    with httpx.Client(base_url=server, timeout=30, headers={"Authorization": f"Bearer {secret}"}) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def created(admin: httpx.Client, url: str, **members: object) -> dict:
    answer = admin.post(ENDPOINTS, json={"url": url, **members})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_an_endpoint_is_made_changed_and_removed(admin: httpx.Client) -> None:
    made = created(admin, "https://example.org/a", description="Ours", events=["task.failed"])
    assert (made["enabled"], made["events"], made["description"]) == (True, ["task.failed"], "Ours")
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    path = f"{ENDPOINTS}/{made['id']}"
    assert "secret" not in admin.get(path).json()
    assert admin.get(f"{path}/secret").json() == {"secret": made["secret"]}
    changed = admin.patch(path, json={"url": "https://example.org/b", "enabled": False}).json()
    assert (changed["url"], changed["enabled"], changed["disabled_because"]) == ("https://example.org/b", False, "owner")
    assert changed["events"] == ["task.failed"], "what was not sent stays"
    assert admin.get(ENDPOINTS).json()["endpoints"] == [changed]
    refused = admin.post(f"{path}/test")
    assert (refused.status_code, decode_error(refused)["code"]) == (409, "conflict")
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
    assert admin.get(ENDPOINTS).json() == {"endpoints": []}


def test_a_test_event_arrives_is_logged_and_can_be_replayed(admin: httpx.Client, house: House, receiver: Receiver) -> None:
    made = created(admin, receiver.url)
    sent = admin.post(f"{ENDPOINTS}/{made['id']}/test")
    assert (sent.status_code, sent.json()["state"], sent.json()["event"]) == (202, "waiting", "webhook.test")
    house.ports.webhooks.step()
    (message,) = receiver.messages
    assert Webhook(made["secret"]).verify(message.body, message.headers)["data"] == {"endpoint_id": made["id"]}
    path = f"{ENDPOINTS}/deliveries/{sent.json()['id']}"
    details = admin.get(path).json()
    assert details["delivery"]["state"] == "delivered"
    ((number, status),) = [(one["number"], one["status"]) for one in details["attempts"]]
    assert (number, status) == (1, 204)
    assert admin.post(f"{path}/replay").status_code == 202
    house.ports.webhooks.step()
    assert [one["number"] for one in admin.get(path).json()["attempts"]] == [1, 2]
    assert len({sent.headers["webhook-id"] for sent in receiver.messages}) == 1
    assert admin.get(f"{ENDPOINTS}/{made['id']}/deliveries").json()["deliveries"][0]["attempts"] == 2


def test_deliveries_are_found_by_task(admin: httpx.Client, house: House, receiver: Receiver) -> None:
    for path in ("/a", "/b"):
        created(admin, receiver.url + path)
    tasks = [admin.post("/model/v1/generation", json=FLAT).json()["id"] for _ in range(2)]
    for task_id in tasks:
        admin.delete(f"/model/v1/generation/task/{task_id}")
    found = admin.get(f"{ENDPOINTS}/deliveries", params={"task_id": tasks[0]}).json()["deliveries"]
    assert sorted(one["url"] for one in found) == [receiver.url + "/a", receiver.url + "/b"]
    assert {one["task_id"] for one in found} == {tasks[0]}
    assert len(admin.get(f"{ENDPOINTS}/deliveries").json()["deliveries"]) == 4
    assert admin.get(f"{ENDPOINTS}/deliveries", params={"task_id": "nul\0"}).json() == {"deliveries": []}


def test_a_rotation_says_how_long_both_secrets_sign(admin: httpx.Client) -> None:
    made = created(admin, "https://example.org")
    path = f"{ENDPOINTS}/{made['id']}"
    rotated = admin.post(f"{path}/rotate", json={"grace_seconds": 3600}).json()
    assert rotated["secret"] != made["secret"]
    assert 3500 < rotated["previous_secret_until"] - time.time() < 3700
    at_once = admin.post(f"{path}/rotate", json={"grace_seconds": 0}).json()
    assert "previous_secret_until" not in at_once
    assert admin.post(f"{path}/rotate").json()["previous_secret_until"] > time.time() + 80000, "a day by default"
    refused = admin.post(f"{path}/rotate", json={"grace_seconds": -1})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": 7},
        {"url": "file:///etc/passwd"},
        {"url": "https://example.org", "events": []},
        {"url": "https://example.org", "events": ["task.completed", "nope"]},
        {"url": "https://example.org", "secret": "mine"},
    ],
)
def test_an_endpoint_that_cannot_be_one_is_a_400(admin: httpx.Client, body: dict[str, object]) -> None:
    answer = admin.post(ENDPOINTS, json=body)
    assert answer.status_code == 400
    decode_error(answer)
