"""Links to files that the storage itself hands out, over a real connection."""

import httpx
import pytest
import structlog
from contract_house import House, Worker
from strict_client import StrictClient

from spark_avatar.errors import ConfigurationError, StorageUnavailable
from spark_avatar.storage.faults import told

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


def test_a_storage_that_only_the_operator_can_mend_is_a_503_and_in_the_log(
    link: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misconfigured(_key: object) -> None:
        with told(bucket=True):
            raise FileNotFoundError("NoSuchBucket")

    monkeypatch.setattr(house.ports.files._storage, "head", misconfigured)
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logged:
        answer = httpx.get(link, headers={"X-Request-Id": "link-1"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["error"]["code"] == "storage_unavailable"
    assert "SPARK_AVATAR" not in answer.text
    (line,) = [line for line in logged if line["event"] == "the storage cannot be used"]
    assert (line["log_level"], line["request_id"]) == ("error", "link-1")
    assert "SPARK_AVATAR_STORAGE_URL" in line["fault"]


def test_another_fault_of_the_configuration_is_a_500_and_in_the_log(
    link: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misconfigured(_key: object) -> None:
        raise ConfigurationError("the engine cannot be loaded")

    monkeypatch.setattr(house.ports.files._storage, "head", misconfigured)
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logged:
        answer = httpx.get(link, headers={"X-Request-Id": "link-2"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "engine" not in answer.text
    (line,) = [line for line in logged if line["event"] == "request failed"]
    assert (line["log_level"], line["request_id"], line["fault"]) == ("error", "link-2", "the engine cannot be loaded")


def test_a_storage_that_is_away_is_a_503(link: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_key: object) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(house.ports.files._storage, "head", away)
    answer = httpx.get(link)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "storage_unavailable"
