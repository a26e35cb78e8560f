"""Every route that the server has, against every kind of caller. A new route is tested the day it is added."""

import httpx
import pytest
from contract_house import House, Worker
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from strict_client import StrictClient, decode_error

from spark_avatar.api.http import build_api

MODEL = "spark_avatar_picture_omni_v2"
FLAT = {"model": MODEL, "image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}
OPEN = {
    ("GET", "/api/v1/skill/models"),
    ("GET", "/api/v1/skill/models/{model_id}/spec"),
    ("GET", "/api/v1/skill/model-contracts/{model_id}"),
    ("GET", "/v1/files/{key}"),  # a signed link is its own key
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
}
"""What needs no key, on purpose."""


def documented(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of every call in the API description."""
    return sorted(
        (method.upper(), path) for path, calls in app.openapi()["paths"].items() for method in calls if method != "parameters"
    )


CALLS = documented(build_api(registry=CollectorRegistry()))
GUARDED = [call for call in CALLS if call not in OPEN]


def fill(path: str, task_id: str) -> str:
    return path.replace("{task_id}", task_id).replace("{request_id}", task_id).replace("{model}", MODEL)


def test_the_open_calls_are_those_that_are_meant_to_be() -> None:
    assert set(CALLS) >= OPEN
    assert len(GUARDED) >= 13


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nobody_gets_in_without_a_live_key(
    method: str, path: str, client: StrictClient, stranger: httpx.Client, house: House
) -> None:
    task_id = client.create(FLAT)["id"]
    key, revoked = house.keys.create("to be revoked", account="matrix")
    house.keys.revoke(key.id)
    for header in (None, "", f"Bearer {revoked}", f"Key {revoked[:-1]}x", "Bearer sk-spark-" + "a" * 43, f"Basic {revoked}"):
        headers = {} if header is None else {"Authorization": header}
        answer = stranger.request(method, fill(path, task_id), headers=headers)
        assert answer.status_code == 401, header
        assert answer.headers["www-authenticate"] == "Bearer"
        assert decode_error(answer)["code"] == "unauthorized"


@pytest.mark.parametrize(("method", "path"), [call for call in GUARDED if "_id}" in call[1]])
@pytest.mark.parametrize("state", ["waiting", "running", "completed"])
def test_another_accounts_task_looks_like_none(
    state: str, method: str, path: str, client: StrictClient, stranger: httpx.Client, house: House, worker: Worker
) -> None:
    task_id = client.create(FLAT)["id"]
    if state != "waiting":
        task, claim = worker.start(task_id)
        if state == "completed":
            worker.complete(task, claim)
    before = house.store.get(task_id)
    _, other = house.keys.create("other", account="matrix-other")
    headers = {"Authorization": f"Bearer {other}"}
    theirs = stranger.request(method, fill(path, task_id), headers=headers)
    none = stranger.request(method, fill(path, "no-such-task"), headers=headers)
    assert theirs.status_code == none.status_code == 404
    assert theirs.json()["error"] == none.json()["error"]
    assert house.store.get(task_id) == before
