"""Inputs are looked at before a video is made: what can be used, and what cannot, with the codes of tasks."""

import base64
import itertools
import socket
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import httpx
import pytest
from sample_urls import audio_data_url, image_data_url
from strict_client import decode_error

from spark_avatar.media.samples import sample_portrait, sample_speech

IMAGE, AUDIO = "/api/v1/analyze/image", "/api/v1/analyze/audio"


def test_a_portrait_is_measured(http: httpx.Client, tmp_path: Path) -> None:
    content = sample_portrait(tmp_path / "portrait.jpg").read_bytes()
    url = "data:image/jpeg;base64," + base64.b64encode(content).decode()
    found = http.post(IMAGE, json={"image_url": url}).raise_for_status().json()
    assert found["usable"] is True
    assert found["warnings"] == []
    assert (found["image"]["width"], found["image"]["height"], found["image"]["format"]) == (512, 512, "jpeg")
    assert found["face"]["faces"] == 1
    x, y, width, height = found["face"]["box"]
    points = found["mesh"]["points"]
    assert len(points) == 478
    assert all(x - 1 <= left <= x + width + 1 and y - 1 <= top <= y + height + 1 for left, top in points[:468])
    assert 1000 < len(found["mesh"]["edges"]) < 3000
    assert {index for edge in found["mesh"]["edges"] for index in edge} == set(range(468))


def test_an_uploaded_recording_is_measured(http: httpx.Client) -> None:
    with sample_speech().open("rb") as file:
        url = http.post("/api/v1/storage/files", files={"file": file}).raise_for_status().json()["url"]
    found = http.post(AUDIO, json={"audio_url": url}).raise_for_status().json()
    assert found["usable"] is True
    seconds = found["audio"]["seconds"]
    assert seconds == pytest.approx(8.8, abs=0.1)
    assert len(found["waveform"]["peaks"]) == 400
    assert 0.1 < max(found["waveform"]["peaks"]) <= 1
    assert found["segments"] == sorted(found["segments"])
    assert all(0 <= start < end <= seconds + 0.03 for start, end in found["segments"])
    spoken = sum(end - start for start, end in found["segments"])
    assert spoken == pytest.approx(found["audio"]["speech_seconds"], abs=1.5)


def test_what_cannot_be_used_is_told_with_the_codes_of_tasks(http: httpx.Client) -> None:
    flat = http.post(IMAGE, json={"image_url": image_data_url()}).raise_for_status().json()
    assert (flat["usable"], flat["error"]["code"]) == (False, "003016014")
    assert "mesh" not in flat
    swapped = http.post(IMAGE, json={"image_url": audio_data_url()}).raise_for_status().json()
    assert (swapped["usable"], swapped["error"]["code"]) == (False, "003016013")
    picture = http.post(AUDIO, json={"audio_url": image_data_url()}).raise_for_status().json()
    assert (picture["usable"], picture["error"]["code"]) == (False, "003016022")


@pytest.mark.parametrize("url", ["stored:inputs/other/task/image", "file:///etc/passwd", "http://169.254.169.254/", "no address"])
def test_addresses_are_checked_as_those_of_tasks(url: str, http: httpx.Client) -> None:
    found = http.post(IMAGE, json={"image_url": url}).raise_for_status().json()
    assert (found["usable"], found["error"]["code"]) == (False, "003016003")


def test_requests_without_an_address_are_refused(http: httpx.Client) -> None:
    assert decode_error(http.post(IMAGE, json={}))["code"] == "003016001"
    assert decode_error(http.post(AUDIO, json={"audio_url": ""}))["code"] == "003016002"
    assert decode_error(http.post(IMAGE, json={"image_url": 7}))["code"] == "invalid_request"
    assert decode_error(http.post(IMAGE, json=[1]))["code"] == "invalid_request"


def test_hosts_that_never_answer_hold_up_no_other_call(http: httpx.Client) -> None:
    asking = 48  # more than there are threads for all calls together
    with ThreadPoolExecutor(asking) as threads:
        with socket.create_server(("127.0.0.1", 0), backlog=asking) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/portrait.jpg"
            asked = [threads.submit(http.post, IMAGE, json={"image_url": url}) for _ in range(asking)]
            refused = list(itertools.islice(as_completed(asked, timeout=20), asking - 8))
            http.get("/model/v1/generation/tasks", timeout=10).raise_for_status()
            here = http.post(IMAGE, json={"image_url": "data:image/png;base64,?"}, timeout=10).raise_for_status().json()
        let_in = [answer.result().json() for answer in asked if answer not in refused]
    assert here["error"]["code"] == "003016003"  # what comes in the request is looked at
    assert {decode_error(answer.result())["code"] for answer in refused} == {"queue_full"}
    assert {answer.result().headers["retry-after"] for answer in refused} == {"10"}
    assert [found["error"]["code"] for found in let_in] == ["003016097"] * 8
