"""List, cancel, delete and follow, over a real connection."""

import json

import httpx
import pytest
from contract_house import House, Worker
from strict_client import StrictClient, decode_error, decode_task

TASKS = "/model/v1/generation/tasks"
FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}


def page(http: httpx.Client, **query: object) -> dict:
    response = http.get(TASKS, params=query)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer.keys() == {"tasks", "has_more"} | ({"next"} if answer["has_more"] else set())
    for task in answer["tasks"]:
        decode_task(json.dumps(task))
    return answer


def path_of(task_id: str) -> str:
    return f"/model/v1/generation/task/{task_id}"


def test_the_list_is_walked_by_its_cursor(client: StrictClient) -> None:
    assert page(client.http) == {"tasks": [], "has_more": False}
    made = [client.create(FLAT)["id"] for _ in range(5)]
    seen, cursor = [], ""
    while True:
        answer = page(client.http, limit=2, after=cursor)
        seen += [task["id"] for task in answer["tasks"]]
        if not answer["has_more"]:
            break
        cursor = answer["next"]
    assert seen == made[::-1]


def test_the_list_may_be_of_one_status(client: StrictClient, worker: Worker) -> None:
    done, failed, running, waiting = (client.create(FLAT)["id"] for _ in range(4))
    worker.complete(*worker.start(done))
    worker.fail(*worker.start(failed))
    worker.start(running)
    found = {status: [task["id"] for task in page(client.http, status=status)["tasks"]] for status in ("completed", "failed", "")}
    assert found == {"completed": [done], "failed": [failed], "": [waiting, running, failed, done]}
    assert [task["id"] for task in page(client.http, status="in_progress")["tasks"]] == [waiting, running]


@pytest.mark.parametrize(
    "query", [{"status": "queued"}, {"limit": 0}, {"limit": 101}, {"after": "x"}, {"after": "MTIz"}, {"after": "\u00e9"}]
)
def test_a_list_that_cannot_be_is_a_400(http: httpx.Client, query: dict) -> None:
    response = http.get(TASKS, params=query)
    assert response.status_code == 400
    assert decode_error(response)["code"] == "invalid_request"


def test_deleting_cancels_first_and_then_really_deletes(client: StrictClient, house: House, worker: Worker) -> None:
    task_id = client.create(FLAT | {"image_url": "data:image/png;base64,AAAA"})["id"]
    _, claim = worker.start(task_id)
    worker.report(task_id, claim, 0.3)
    answer = client.http.delete(path_of(task_id))
    assert answer.status_code == 200
    assert decode_task(answer.content)["error"]["code"] == "003016031"
    assert client.poll(task_id)["status"] == "failed"
    assert client.http.delete(path_of(task_id)).status_code == 204
    gone = client.http.get(path_of(task_id))
    assert (gone.status_code, decode_error(gone)["code"]) == (404, "not_found")
    assert client.http.delete(path_of(task_id)).status_code == 404
    assert [stored for stored in house.worker.storage.list("") if task_id in stored.key] == []


def test_the_video_of_a_deleted_task_is_gone_behind_its_link(client: StrictClient, worker: Worker) -> None:
    task_id = client.create(FLAT)["id"]
    worker.complete(*worker.start(task_id))
    link = client.poll(task_id)["output"][0]["content"][0]["url"]
    assert httpx.get(link).status_code == 200
    deleted = client.http.delete(path_of(task_id))
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert httpx.get(link).status_code == 404


def test_only_the_owner_lists_cancels_and_follows(client: StrictClient, house: House, stranger: httpx.Client) -> None:
    task_id = client.create(FLAT)["id"]
    _, other = house.keys.create("other", account="another-one")
    headers = {"Authorization": f"Bearer {other}"}
    assert stranger.get(TASKS).status_code == 401
    assert stranger.delete(path_of(task_id)).status_code == 401
    assert stranger.get(TASKS, headers=headers).json()["tasks"] == []
    assert stranger.delete(path_of(task_id), headers=headers).status_code == 404
    assert stranger.get(path_of(task_id) + "/events", headers=headers).status_code == 404
    assert client.poll(task_id)["status"] == "in_progress"


def test_events_tell_the_progress_and_end_with_the_whole_task(client: StrictClient, worker: Worker) -> None:
    task_id = client.create(FLAT)["id"]
    task, claim = worker.start(task_id)
    worker.report(task_id, claim, 0.25)
    seen = []
    with client.http.stream("GET", path_of(task_id) + "/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            seen.append((fields["event"], json.loads(fields["data"])))
            if len(seen) == 1:
                worker.complete(task, claim)
    assert seen[0] == ("progress", {"id": task_id, "status": "in_progress", "progress": 0.25, "stage": "render"})
    assert seen[-1][0] == "done"
    assert decode_task(json.dumps(seen[-1][1]))["status"] == "completed"
