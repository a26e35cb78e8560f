"""What owners see of their webhooks."""

import base64

import httpx
from contract_house import House
from strict_client import StrictClient, decode_error

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
