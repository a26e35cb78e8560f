"""Tasks as the console shows them: found, opened, shared."""

import time

import httpx
import pytest
from contract_house import House, Worker
from sample_urls import audio_data_url, image_data_url
from strict_client import StrictClient, decode_error

MODEL = "spark_avatar_picture_omni_v2"
FLAT = {
    "model": MODEL,
    "image_url": "https://example.com/Ada",
    "audio_url": "https://example.com/a.wav",
    "seed": 5,
    "fps": 30,
}
CARDS = "/api/v1/tasks"


def cards(http: httpx.Client, **wanted: object) -> list[dict]:
    return http.get(CARDS, params=wanted).raise_for_status().json()["tasks"]


def test_tasks_are_found_by_what_they_are(client: StrictClient, worker: Worker, house: House) -> None:
    waiting, running, done, failed = (client.create(FLAT)["id"] for _ in range(4))
    worker.start(running)
    worker.complete(*worker.start(done))
    worker.fail(*worker.start(failed))
    house.store.hand_back(waiting, house.store.get(waiting).claim, count_attempt=False)
    found = cards(client.http)
    assert [card["id"] for card in found] == [failed, done, running, waiting]
    assert [card["status"] for card in found] == ["failed", "completed", "running", "queued"]
    assert {card["key_name"] for card in found} == {"test"}
    completed = found[1]
    assert (completed["cost"], completed["seconds"], completed["warnings"]) == ("0.0420", 5.96, 1)
    assert completed["created_at"] <= completed["started_at"] <= completed["ended_at"]
    assert found[0]["error"]["code"] == "003016014"
    key = found[0]["key_id"]
    for wanted, ids in (
        ({"status": "open"}, [running, waiting]),
        ({"status": "failed"}, [failed]),
        ({"text": done[:18]}, [done]),
        ({"text": "/ADA", "limit": 1}, [failed]),
        ({"text": "003016014"}, [failed]),
        ({"key": key, "model": MODEL, "engine": "portrait", "status": "queued"}, [waiting]),
        ({"key": "another"}, []),
    ):
        assert [card["id"] for card in cards(client.http, **wanted)] == ids, wanted
    first = client.http.get(CARDS, params={"limit": 3}).json()
    rest = client.http.get(CARDS, params={"limit": 3, "after": first["next"]}).json()
    assert [card["id"] for card in first["tasks"] + rest["tasks"]] == [failed, done, running, waiting]
    assert (first["has_more"], rest["has_more"], "next" in rest) == (True, False, False)


@pytest.mark.parametrize("wanted", [{"status": "lost"}, {"after": "nonsense"}, {"text": "a\0b"}, {"limit": 0}])
def test_faulty_questions_are_refused(wanted: dict, http: httpx.Client) -> None:
    assert decode_error(http.get(CARDS, params=wanted))["code"] == "invalid_request"


@pytest.mark.parametrize("odd", ["\U0001f642", "'; --", "\u2028", "%", "\\u0000"])
def test_tasks_are_found_whatever_was_said_in_them(odd: str, http: httpx.Client) -> None:
    said = {"transcript": f"a{odd}b", "consent": f"c{odd}d", f"unknown{odd}": odd, "metadata": {odd: odd}}
    made = http.post("/model/v1/generation", json=FLAT | said).raise_for_status().json()["id"]
    for wanted in ({"text": "/ada"}, {"text": made[:9]}, {"model": MODEL}):
        assert [card["id"] for card in cards(http, **wanted)] == [made]
    assert cards(http, text="no such text") == []


@pytest.mark.parametrize("said", [{"transcript": "a\0b"}, {"consent": "\0"}, {"unknown\0": 1}, {"metadata": {"a": ["\0"]}}])
def test_a_task_that_would_break_searches_is_refused(said: dict, http: httpx.Client) -> None:
    """PostgreSQL fails on a document with a NUL in it, whoever's it is, in the search of anybody."""
    for path in ("/model/v1/generation", "/model/v1/generation/sync", f"/model/v1/queue/{MODEL}"):
        refused = http.post(path, json=FLAT | said)
        assert refused.status_code == 400, refused.text
        assert "NUL" in decode_error(refused)["message"]
    assert cards(http, model=MODEL) == []


def test_one_task_tells_everything(client: StrictClient) -> None:
    task_id = client.create(FLAT)["id"]
    detail = client.http.get(f"{CARDS}/{task_id}").raise_for_status().json()
    assert detail["options"] == {"fps": 30}
    assert detail["inputs"]["image"] == {"url": FLAT["image_url"], "stored": False, "available": True}
    assert detail["task"]["id"] == task_id
    assert detail["task"]["metadata"]["seed"] == 5
    assert detail["attempts"] == 0


def test_all_that_was_set_can_be_asked_for_again(client: StrictClient) -> None:
    given = {"fps": 24, "label": True, "consent": "She agreed by letter."}
    task_id = client.create({**FLAT, **given})["id"]
    assert client.http.get(f"{CARDS}/{task_id}").raise_for_status().json()["options"] == given


def test_inputs_that_lie_here_come_with_fresh_links(client: StrictClient, house: House) -> None:
    task_id = client.create({**FLAT, "image_url": image_data_url(), "audio_url": audio_data_url()})["id"]
    image = client.http.get(f"{CARDS}/{task_id}").json()["inputs"]["image"]
    assert (image["stored"], image["available"]) == (True, True)
    assert httpx.get(image["url"]).content.startswith(b"\x89PNG")
    again = client.create({**FLAT, "image_url": image["url"]})["id"]  # the link itself is a good input
    assert client.http.get(f"{CARDS}/{again}").json()["inputs"]["image"]["stored"]
    for stored in house.worker.storage.list(f"inputs/{house.store.get(task_id).account_id}/{task_id}/"):
        house.worker.storage.delete(stored.key)
    gone = client.http.get(f"{CARDS}/{task_id}").json()["inputs"]["image"]
    assert (gone["stored"], gone["available"]) == (True, False)


def test_a_link_of_another_account_is_not_made_to_last(client: StrictClient, house: House, stranger: httpx.Client) -> None:
    _, other = house.keys.create("other", account="cards-other")
    headers = {"Authorization": f"Bearer {other}"}
    files = {"file": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(64))}
    given_away = stranger.post("/api/v1/storage/files", headers=headers, files=files).raise_for_status().json()["url"]
    task_id = client.create({**FLAT, "image_url": given_away})["id"]
    image = client.http.get(f"{CARDS}/{task_id}").json()["inputs"]["image"]
    assert image == {"url": given_away, "stored": False, "available": True}


def uploaded(http: httpx.Client) -> str:
    files = {"file": ("Ada in Rome.png", b"\x89PNG\r\n\x1a\n" + bytes(64))}
    return http.post("/api/v1/storage/files", files=files).raise_for_status().json()["url"]


def test_a_task_is_recognised_by_the_names_of_its_files(client: StrictClient) -> None:
    url = uploaded(client.http)
    assert "Ada" not in url
    named = client.create({**FLAT, "image_url": f"{url}#Ada%20in%20R%C3%B6m%20(1)%00%E2%80%AE.png"})["id"]
    nameless = client.create({**FLAT, "image_url": url, "audio_url": audio_data_url()})["id"]
    card = cards(client.http)[1]
    assert (card["image_name"], card["audio_name"]) == ("Ada in Röm (1).png", "a.wav")
    assert not {"image_name", "audio_name"} & cards(client.http)[0].keys()
    for text, ids in (("A in Röm (", [named]), ("ada%20in", [named]), ("a_in", []), (".png", [nameless, named])):
        assert [card["id"] for card in cards(client.http, text=text)] == ids, text
    detail = client.http.get(f"{CARDS}/{named}").json()
    fresh = detail["inputs"]["image"]["url"]
    assert (detail["image_name"], fresh.partition("#")[2]) == (card["image_name"], "Ada%20in%20R%C3%B6m%20(1)%00%E2%80%AE.png")
    assert httpx.get(fresh).content.startswith(b"\x89PNG")
    assert "R%C3%B6m" not in str(client.poll(named))  # the contract's object says nothing of it


def test_names_are_cut(client: StrictClient) -> None:
    client.create(
        {**FLAT, "image_url": f"{uploaded(client.http)}#{'a' * 5000}", "audio_url": f"https://example.com/{'b' * 5000}"}
    )
    assert (cards(client.http)[0]["image_name"], cards(client.http)[0]["audio_name"]) == ("a" * 100, "b" * 100)


def test_a_video_is_shared_for_a_while(client: StrictClient, worker: Worker, stranger: httpx.Client) -> None:
    task_id = client.create(FLAT)["id"]
    path = f"{CARDS}/{task_id}/share"
    assert decode_error(client.http.post(path, json={}))["code"] == "not_found"
    worker.complete(*worker.start(task_id), b"a video")
    link = client.http.post(path, json={"hours": 2}).raise_for_status().json()
    assert link["expires_at"] == pytest.approx(time.time() + 7200, abs=30)
    assert stranger.get(link["url"]).content == b"a video"
    for hours in (0, -1, 721, "soon"):
        assert decode_error(client.http.post(path, json={"hours": hours}))["code"] == "invalid_request"


def test_the_system_is_for_operators(http: httpx.Client) -> None:
    assert decode_error(http.get("/api/v1/system"))["code"] == "forbidden"
    assert decode_error(http.post("/api/v1/system/engines/check"))["code"] == "forbidden"
