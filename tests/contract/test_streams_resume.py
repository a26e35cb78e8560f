"""Streams that were cut off go on behind the last event: `stream` and `events` alike, at any server."""

import json
import threading
from collections.abc import Iterator

import httpx
import pytest
from contract_house import House, Worker
from strict_client import StrictClient, decode_task

FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}
KINDS = pytest.mark.parametrize("kind", ["stream", "events"])


def events(response: httpx.Response) -> Iterator[tuple[str, str, dict]]:
    """Name, id and data, read as the standard says (WHATWG HTML, 9.2.6)."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if "data" in fields:
                yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


def follow(client: StrictClient, task_id: str, kind: str, last_id: str | None = None) -> list[tuple[str, str, dict]]:
    """A stream to its end."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with client.http.stream("GET", f"/model/v1/generation/task/{task_id}/{kind}", headers=headers) as response:
        assert response.status_code == 200
        return list(events(response))


def first(client: StrictClient, task_id: str, kind: str, last_id: str | None = None) -> tuple[str, str, dict]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with client.http.stream("GET", f"/model/v1/generation/task/{task_id}/{kind}", headers=headers) as response:
        return next(events(response))


@KINDS
def test_nothing_is_told_twice_and_nothing_is_left_out(client: StrictClient, worker: Worker, kind: str) -> None:
    task_id = client.create(FLAT)["id"]
    task, claim = worker.start(task_id)
    last, seen = None, []
    for progress in (0.25, 0.5, 0.75):
        worker.report(task_id, claim, progress)
        _, last, data = first(client, task_id, kind, last)
        seen.append(data["progress"])
    assert seen == [0.25, 0.5, 0.75]
    worker.complete(task, claim)
    ((name, end, data),) = follow(client, task_id, kind, last)
    assert (name, data["status"]) == ("done", "completed")
    assert int(end) > int(last)


@KINDS
def test_the_end_is_told_again_to_whoever_asks_again(client: StrictClient, worker: Worker, kind: str) -> None:
    task_id = client.create(FLAT)["id"]
    worker.fail(*worker.start(task_id))
    ((name, end, _),) = follow(client, task_id, kind)
    assert name == "error"
    assert [event[:2] for event in follow(client, task_id, kind, end)] == [("error", end)]


@KINDS
def test_a_task_that_is_cancelled_and_deleted_within_a_look_ends_the_stream_well(
    client: StrictClient, worker: Worker, kind: str
) -> None:
    task_id = client.create(FLAT)["id"]
    worker.report(task_id, worker.start(task_id)[1], 0.5)
    with client.http.stream("GET", f"/model/v1/generation/task/{task_id}/{kind}") as response:
        seen = events(response)
        _, before, _ = next(seen)
        for status in (200, 204):
            assert client.http.delete(f"/model/v1/generation/task/{task_id}").status_code == status
        ((name, last, data),) = seen
    assert name == "error"
    assert int(last) > int(before)
    task = decode_task(json.dumps(data))
    assert (task["id"], task["status"], task["error"]["code"]) == (task_id, "failed", "003016031")
    assert client.http.get(f"/model/v1/generation/task/{task_id}/{kind}").status_code == 404


@KINDS
@pytest.mark.parametrize("word", ["", "x", "-1", "1.5", "9" * 5000, "\u00b2", "1;2"])
def test_an_id_that_is_none_of_ours_begins_at_the_beginning(client: StrictClient, worker: Worker, kind: str, word: str) -> None:
    task_id = client.create(FLAT)["id"]
    worker.fail(*worker.start(task_id))
    headers = {"Last-Event-ID": word.encode("latin-1")}
    with client.http.stream("GET", f"/model/v1/generation/task/{task_id}/{kind}", headers=headers) as response:
        assert response.status_code == 200
        assert [name for name, _, _ in events(response)] == ["error"]


@KINDS
def test_a_server_that_stops_ends_its_streams_and_another_one_goes_on(
    house: House, client: StrictClient, worker: Worker, kind: str
) -> None:
    task_id = client.create(FLAT)["id"]
    task, claim = worker.start(task_id)
    worker.report(task_id, claim, 0.4)
    path, stopping = f"/model/v1/generation/task/{task_id}/{kind}", house.ports.stopping
    with client.http.stream("GET", path) as response:
        told = events(response)
        _name, last, data = next(told)
        assert data["progress"] == 0.4
        stopping.set()
        try:
            assert list(told) == [], "cut off, without an end"
        finally:
            stopping.clear()
    worker.report(task_id, claim, 0.6)
    _, _, data = first(client, task_id, kind, last)
    assert data["progress"] == 0.6
    worker.complete(task, claim)


def test_progress_events_are_short_and_the_last_holds_the_task(client: StrictClient, worker: Worker) -> None:
    task_id = client.create(FLAT)["id"]
    task, claim = worker.start(task_id)
    worker.report(task_id, claim, 0.5)
    path = f"/model/v1/generation/task/{task_id}/events"
    with client.http.stream("GET", path) as response:
        told = events(response)
        name, _, data = next(told)
        assert (name, data) == ("progress", {"id": task_id, "status": "in_progress", "progress": 0.5, "stage": "render"})
        ending = threading.Thread(target=worker.complete, args=(task, claim))
        ending.start()
        ((name, _, data),) = told
        ending.join()
    assert (name, data["id"], data["status"]) == ("done", task_id, "completed")
    assert data["output"]
