"""A server whose files are on S3: a task through the API, its link, the check of `doctor`, and a bucket that is not there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from s3_server import ENVIRONMENT, S3Server, s3_server

from acceptance.conftest import Server, body, finish


@pytest.fixture(scope="module")
def store() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


def settings(store: S3Server, bucket: str) -> dict[str, str]:
    return {**ENVIRONMENT, "AWS_ENDPOINT_URL": store.endpoint, "SPARK_AVATAR_STORAGE_URL": f"s3://{bucket}/avatar"}


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spark_avatar", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_a_task_is_stored_there_and_its_link_leads_there(store: S3Server, host: str, tmp_path: Path) -> None:
    bucket = store.new_bucket()
    server = Server(tmp_path / "data", **settings(store, bucket), SPARK_AVATAR_STORAGE_LINKS="redirect").start()
    try:
        with server.client(server.key()) as client:
            created = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/word.wav")).json()
            task = finish(client, created["id"])
        assert task["status"] == "completed", task
        link = task["output"][0]["content"][0]["url"]
        assert link.startswith(server.url)
        sent_on = httpx.get(link)
        assert sent_on.status_code == 307
        assert sent_on.headers["location"].startswith(f"{store.endpoint}/{bucket}/avatar/outputs/")
        video = httpx.get(sent_on.headers["location"])
        assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
        assert video.content[4:8] == b"ftyp"
        assert any(key.startswith(f"avatar/outputs/default/{created['id']}/1.mp4") for key in store.keys(bucket))
        assert not (tmp_path / "data" / "files").exists()
    finally:
        server.stop()


def test_doctor_tries_the_storage(store: S3Server, tmp_path: Path) -> None:
    bucket = store.new_bucket()
    fine = command("doctor", "--data-dir", str(tmp_path), **settings(store, bucket))
    assert "a file was written, read and removed" in fine.stdout, fine.stdout
    assert store.keys(bucket) == []
    missing = command("doctor", "--data-dir", str(tmp_path), **settings(store, "no-such-bucket"))
    assert missing.returncode == 1
    (line,) = (line for line in missing.stdout.splitlines() if line.split()[1:2] == ["storage"])
    assert line.startswith("MISSING")
    assert "bucket" in line


def test_a_server_without_its_bucket_says_so_and_does_not_start(store: S3Server, tmp_path: Path) -> None:
    done = command("serve", "--port", "0", "--data-dir", str(tmp_path), **settings(store, "no-such-bucket"))
    assert done.returncode == 4
    assert "bucket" in done.stderr
    assert store.endpoint not in done.stderr.splitlines()[-1]
