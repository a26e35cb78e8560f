"""`Idempotency-Key`, over a real connection."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from strict_client import StrictClient, decode_error, decode_task

CREATE = "/model/v1/generation"
FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}


def test_the_same_key_and_body_give_the_same_task(client: StrictClient) -> None:
    headers = {"Idempotency-Key": "3f0c"}
    task = client.create(FLAT, headers=headers)
    assert client.create(dict(reversed(FLAT.items())), headers=headers) == task
    assert client.create(FLAT)["id"] != task["id"]


def test_the_same_key_with_another_body_is_a_409(client: StrictClient) -> None:
    headers = {"Idempotency-Key": "3f0c"}
    client.create(FLAT, headers=headers)
    response = client.http.post(CREATE, json=FLAT | {"seed": 5}, headers=headers)
    assert response.status_code == 409
    assert decode_error(response)["code"] == "idempotency_conflict"


@pytest.mark.parametrize("word", ["", "a b", "x" * 256, "\u00e9".encode()])
def test_a_key_that_is_no_word_is_a_400(http: httpx.Client, word: str | bytes) -> None:
    response = http.post(CREATE, json=FLAT, headers={"Idempotency-Key": word})
    assert response.status_code == 400
    assert "Idempotency-Key" in decode_error(response)["message"]


def test_duplicates_at_the_same_moment_make_one_task(client: StrictClient, http: httpx.Client) -> None:
    def create(_number: int) -> str:
        response = http.post(CREATE, json=FLAT, headers={"Idempotency-Key": "at-once"})
        assert response.status_code == 200, response.text
        return decode_task(response.content)["id"]

    with ThreadPoolExecutor(12) as threads:
        assert len(set(threads.map(create, range(36)))) == 1
    assert len(http.get("/model/v1/generation/tasks").json()["tasks"]) == 1
