"""A long recording, rendered in segments by two workers, gives the video that one worker gives."""

import time
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import numpy as np
import psutil
import pytest

from acceptance.conftest import RATE, Server, body, finish, write_wav
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.media.audio import read_samples
from spark_avatar.media.samples import sample_speech
from spark_avatar.media.video import probe_video, read_frames
from spark_avatar.pipeline import Pipeline

SECONDS = 15
PARTS = 4
LEAST_PSNR = 36.0
"""dB between two encodings of the same frames at x264's crf 18, of which each is about 40 dB from the frames themselves."""


@pytest.fixture(scope="module")
def long_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("long") / "data", workers=2, SPARK_AVATAR_SPLIT_SECONDS="4", SPARK_AVATAR_LEASE_SECONDS="3"
    ).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def recording(media: Path) -> Path:
    """The sample again and again, with pauses of half a second."""
    samples = read_samples(sample_speech(), rate=RATE)
    pause = np.zeros(RATE // 2, np.float32)
    spoken = np.concatenate([samples[: 4 * RATE], pause, samples[4 * RATE : 7 * RATE], pause] * 3)
    return write_wav(media / "long.wav", spoken[: SECONDS * RATE], RATE)


def shown(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-6, np.mean((one.astype(np.float32) - other) ** 2))))


def files_below(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def make(server: Server, host: str, recording: Path, target: Path) -> dict:
    with server.client(server.key()) as client:
        task_id = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/{recording.name}")).json()["id"]
        task = finish(client, task_id)
        assert task["status"] == "completed", task
        target.write_bytes(httpx.get(task["output"][0]["content"][0]["url"], timeout=30).content)
        return task


def test_it_is_the_video_that_one_worker_makes(
    long_server: Server, host: str, media: Path, recording: Path, tmp_path: Path
) -> None:
    joined, whole = tmp_path / "joined.mp4", tmp_path / "whole.mp4"
    task = make(long_server, host, recording, joined)
    log = long_server.log.read_text().splitlines()
    rendered = [line for line in log if "segment rendered" in line and task["id"] in line]
    assert len(rendered) == PARTS, "it was not made in parts"
    assert len({line.split("worker=")[1].split()[0] for line in rendered}) == 2, "one worker made all of it"
    Pipeline(EngineRegistry()).render(
        media / "portrait.png",
        recording,
        whole,
        engine="portrait",
        options={"resolution": "360p"},
        seed=1,
        identity=task["id"],
    )
    facts, expected = probe_video(joined), probe_video(whole)
    assert (facts.frames, facts.seconds, facts.audio_seconds) == (expected.frames, expected.seconds, expected.audio_seconds)
    assert (facts.width, facts.height, facts.profile, facts.frame_rate) == (
        expected.width,
        expected.height,
        expected.profile,
        expected.frame_rate,
    )
    assert shown(joined) == shown(whole)
    assert np.array_equal(read_samples(joined), read_samples(whole))
    likeness = [psnr(one, other) for one, other in zip(read_frames(joined), read_frames(whole), strict=True)]
    assert min(likeness) > LEAST_PSNR, f"frame {int(np.argmin(likeness))} differs: {min(likeness):.1f} dB"
    assert files_below(long_server.data_dir / "files" / "work") == []
    assert files_below(long_server.data_dir / "work") == []


def test_a_worker_that_is_killed_in_a_segment_costs_nothing(
    long_server: Server, host: str, recording: Path, tmp_path: Path
) -> None:
    with long_server.client(long_server.key()) as client:
        task_id = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/{recording.name}")).json()["id"]
        while client.get(f"/model/v1/generation/task/{task_id}").json()["progress"] < 0.3:
            time.sleep(0.05)
        server_process = psutil.Process(long_server.process.pid)
        workers = [child for child in server_process.children() if "spawn_main" in " ".join(child.cmdline())]
        workers[0].kill()
        task = finish(client, task_id)
    assert task["status"] == "completed", task
    target = tmp_path / "after.mp4"
    target.write_bytes(httpx.get(task["output"][0]["content"][0]["url"], timeout=30).content)
    assert probe_video(target).frames == SECONDS * 25
    assert files_below(long_server.data_dir / "files" / "work") == []
