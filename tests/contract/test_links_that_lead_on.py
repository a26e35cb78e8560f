"""Links to files that the storage itself hands out, over a real connection."""

import httpx
import pytest
from contract_house import House, Worker
from strict_client import StrictClient

from spark_avatar.errors import StorageUnavailable

FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}


@pytest.fixture
def link(client: StrictClient, worker: Worker) -> str:
    task_id = client.create(FLAT)["id"]
    worker.complete(*worker.start(task_id), b"a video")
    return client.poll(task_id)["output"][0]["content"][0]["url"]


@pytest.fixture
def signed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage signs addresses of its own."""
    monkeypatch.setattr(house.ports.files, "_presign", lambda key, seconds: f"https://bucket.test/{key}?left={seconds:.0f}")


def test_a_reader_is_sent_to_the_storage(link: str, signed: None) -> None:
    answer = httpx.get(link)
    assert answer.status_code == 307
    assert answer.headers["location"].startswith("https://bucket.test/outputs/")
    left = int(answer.headers["location"].partition("?left=")[2])
    assert 590 <= left <= 601, "it outlives the link, which works for ten minutes"
    assert answer.headers["cache-control"] == "no-store", "the address would outlive its time in a cache"


def test_who_only_asks_about_the_file_is_answered_here(link: str, signed: None) -> None:
    answer = httpx.head(link)
    assert (answer.status_code, answer.headers["content-length"]) == (200, "7")


def test_a_forged_link_leads_nowhere(link: str, signed: None) -> None:
    assert httpx.get(link[:-4] + "AAAA").status_code == 403


def test_a_storage_that_is_away_is_a_503(link: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_key: object) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(house.ports.files._storage, "head", away)
    answer = httpx.get(link)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "storage_unavailable"
