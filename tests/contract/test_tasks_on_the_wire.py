"""The task object in every state, decoded strictly; and every accepted body."""

import threading
import time

import httpx
import pytest
from contract_house import House, Worker
from strict_client import StrictClient, WrongType, decode_task

MODEL = "spark_avatar_picture_omni_v2"
PARAMS = {"image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}
FLAT = {"model": MODEL, **PARAMS}


def test_a_new_task_is_in_progress_at_zero(client: StrictClient) -> None:
    before = int(time.time())
    task = client.create(FLAT)
    assert task["status"] == "in_progress"
    assert task["progress"] == 0
    assert task["model"] == MODEL
    assert before <= task["created_at"] <= time.time()
    assert client.poll(task["id"]) == task


def test_a_running_task_shows_its_progress(client: StrictClient, worker: Worker) -> None:
    task_id = client.create(FLAT)["id"]
    _, claim = worker.start(task_id)
    assert client.poll(task_id)["progress"] == 0
    worker.report(task_id, claim, 0.25)
    task = client.poll(task_id)
    assert (task["status"], task["progress"]) == ("in_progress", 0.25)
    assert 0 <= task["metadata"]["in_queue_at"] <= task["metadata"]["upload_at"] < 60


def test_a_completed_task_has_output_and_usage(client: StrictClient, worker: Worker) -> None:
    task_id = client.create(FLAT | {"seed": 7})["id"]
    running, claim = worker.start(task_id)
    worker.report(task_id, claim, 0.5)
    worker.complete(running, claim, b"v" * 1000)
    task = client.poll(task_id)
    content = task["output"][0]["content"][0]
    assert (content["type"], content["size"], content["jobId"], content["duration"]) == ("video", 1000, "job-1", "5.96")
    assert httpx.get(content["url"]).content == b"v" * 1000
    assert task["usage"] == {
        "cost": "0.0420",
        "discount": 1.0,
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 37,
        "generated_videos": 1,
        "generated_images": 0,
    }
    assert task["metadata"]["completed_at"] >= task["metadata"]["upload_at"]
    assert task["metadata"]["seed"] == 7
    assert task["metadata"]["engine"] == "portrait"
    assert task["metadata"]["warnings"][0]["code"] == "face_small"


def test_a_failed_task_is_a_good_answer(client: StrictClient, worker: Worker) -> None:
    task_id = client.create(FLAT)["id"]
    worker.fail(*worker.start(task_id))
    task = client.poll(task_id)
    assert task["error"]["code"] == "003016014"
    assert task["error"]["message"] == task["error"]["error_message"] == "No human face was found in the image."
    assert task["metadata"]["faces"] == 0


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ('{"id":"1","model":"m","created_at":1.0,"status":"in_progress","progress":0,"metadata":{}}', "created_at"),
        ('{"id":"1","model":"m","created_at":1,"status":"in_progress","progress":"0","metadata":{}}', "progress"),
        ('{"id":"1","model":"m","created_at":1,"status":"in_progress","progress":0,"metadata":{},"error":null}', "error"),
        ('{"id":"1","model":"m","created_at":1,"status":"running","progress":0,"metadata":{}}', "running"),
        ('{"id":"1","model":"m","created_at":1,"status":"in_progress","progress":0,"metadata":{},"new":1}', "new"),
    ],
)
def test_the_strict_decoder_is_strict(document: str, fault: str) -> None:
    with pytest.raises(WrongType, match=fault):
        decode_task(document)


@pytest.mark.parametrize(
    "body",
    [
        {"model": MODEL, "input": [{"params": PARAMS}]},
        {"model": MODEL, "input": [PARAMS]},
        FLAT,
        FLAT | {"input": None},
        {
            "model": MODEL,
            "input": [
                {
                    "content": [
                        {"type": "image_url", "url": PARAMS["image_url"]},
                        {"type": "audio_url", "url": PARAMS["audio_url"]},
                    ]
                }
            ],
        },
        {
            "model": MODEL,
            "input": [
                {
                    "content": [
                        {"type": "image_url", "image_url": {"url": PARAMS["image_url"]}},
                        {"type": "audio_url", "audio_url": PARAMS["audio_url"]},
                    ]
                }
            ],
        },
    ],
)
def test_every_accepted_body_makes_the_same_request(client: StrictClient, house: House, body: dict) -> None:
    task = house.store.get(client.create(body)["id"])
    assert (task.request.image_url, task.request.audio_url) == (PARAMS["image_url"], PARAMS["audio_url"])
    assert task.request.ignored == ()


def test_the_model_may_come_in_a_header_alone(client: StrictClient) -> None:
    assert client.create(PARAMS, headers={"X-Model": MODEL})["model"] == MODEL


def test_what_is_not_known_is_ignored_and_named(client: StrictClient) -> None:
    task = client.create(
        {
            "model": MODEL,
            "moderation": True,
            "metadata": {"a": 1},
            "input": [{"params": {**PARAMS, "mood": "sunny"}, "content": [{"type": "text", "text": "hi"}]}],
        }
    )
    assert sorted(task["metadata"]["ignored"]) == ["content.text", "metadata", "moderation", "mood"]


def test_of_very_many_unknown_members_some_are_named(client: StrictClient) -> None:
    task = client.create(FLAT | {f"m{number:03}": 1 for number in range(80)} | {"a" * 1_000_000: 1})
    ignored = task["metadata"]["ignored"]
    assert ignored == ["a" * 97 + "...", *(f"m{number:03}" for number in range(49)), "... and 31 more"]
    few = client.create(FLAT | {f"m{number:03}": 1 for number in range(50)} | {"m000": 2})
    assert few["metadata"]["ignored"] == [f"m{number:03}" for number in range(50)]


def test_another_accounts_task_is_not_there(client: StrictClient, house: House, stranger: httpx.Client) -> None:
    task_id = client.create(FLAT)["id"]
    _, other = house.keys.create("other", account="somebody-else")
    answers = [
        stranger.get(f"/model/v1/generation/task/{wanted}", headers={"Authorization": f"Bearer {other}"})
        for wanted in (task_id, "no-such-task")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["message"] == answers[1].json()["message"]


def test_the_synchronous_call_answers_the_finished_task(client: StrictClient, house: House, worker: Worker) -> None:
    def work() -> None:
        account = house.keys.authenticate(client.http.headers["authorization"].split()[1]).account_id
        while not (tasks := house.store.recent(account, limit=1)):
            time.sleep(0.01)
        worker.complete(*worker.start(tasks[0].id))

    thread = threading.Thread(target=work)
    thread.start()
    response = client.http.post("/model/v1/generation/sync", json=FLAT)
    thread.join()
    assert response.status_code == 200
    assert decode_task(response.content)["status"] == "completed"


def test_the_synchronous_call_gives_up_with_the_tasks_id(client: StrictClient) -> None:
    response = client.http.post("/model/v1/generation/sync", json=FLAT)
    assert response.status_code == 504
    body = response.json()
    assert body["status"] == "in_progress"
    assert body["error"]["code"] == "SYNC_TIMEOUT"
    assert client.poll(body["id"])["status"] == "in_progress"


def test_precharge_quotes_and_runs_nothing(client: StrictClient, house: House) -> None:
    response = client.http.post("/model/v1/generation/precharge", json=FLAT)
    body = response.json()
    assert body["status"] == "success"
    assert body["data"]["model"] == MODEL
    assert body["data"]["currency"] == "USD"
    assert (body["data"]["cost"], body["data"]["seconds"]) == ("0.1050", 15.0)
    account = house.keys.authenticate(client.http.headers["authorization"].split()[1]).account_id
    assert house.store.recent(account, limit=5) == []
