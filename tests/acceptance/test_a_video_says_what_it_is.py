"""Every video carries its provenance, from the server and from the command line, and `verify` tells it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import c2pa
import httpx
import pytest

from acceptance.conftest import Server, body, finish
from spark_avatar.media.video import read_frames

CONSENT = "Ada Example agreed in writing on 3 March."


def run(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_avatar", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **settings})


def verify(video: Path, data_dir: Path, **settings: str) -> tuple[int, dict]:
    done = run("verify", video, "--json", "--data-dir", data_dir, **settings)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def ask(server: Server, video: Path, *, account: str = "default") -> httpx.Response:
    """The same through HTTP."""
    with server.client(server.key(account=account)) as client, video.open("rb") as file:
        return client.post("/api/v1/verify", files={"file": file})


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for consent."""
    running = Server(tmp_path_factory.mktemp("asking") / "data", SPARK_AVATAR_REQUIRE_CONSENT="true").start()
    yield running
    running.stop()


def make(server: Server, host: str, video: Path) -> tuple[dict, Path]:
    """A finished task and its video."""
    with server.client(server.key()) as client:
        request = body(f"{host}/portrait.png", f"{host}/word.wav", consent=CONSENT, label=True)
        created = client.post("/model/v1/generation", json=request).raise_for_status().json()
        task = finish(client, created["id"])
        assert task["status"] == "completed", task
        video.write_bytes(client.get(task["output"][0]["content"][0]["url"]).raise_for_status().content)
    return task, video


@pytest.fixture(scope="module")
def made(asking: Server, host: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    return make(asking, host, tmp_path_factory.mktemp("made") / "video.mp4")


def test_the_c2pas_own_reader_validates_the_manifest(made: tuple[dict, Path]) -> None:
    task, video = made
    with video.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        document = json.loads(reader.json())
    assert document["validation_state"] == "Valid"
    assert [status["code"] for status in document["validation_status"]] == ["signingCredential.untrusted"]
    manifest = document["manifests"][document["active_manifest"]]
    assert "UNTRUSTED" in manifest["signature_info"]["common_name"]
    said = {entry["label"]: entry["data"] for entry in manifest["assertions"]}
    assert said["org.spark-avatar.mark"]["id"] == task["id"]
    assert said["org.spark-avatar.consent"] == {"stated": True}
    assert {entry["title"] for entry in manifest["ingredients"]} == {"portrait", "recording"}


def test_verify_knows_the_task_by_every_mark(made: tuple[dict, Path], asking: Server) -> None:
    task, video = made
    code, told = verify(video, asking.data_dir)
    assert (code, told["verdict"], told["id"]) == (0, "intact", task["id"])
    assert told["tags"]["source_type"] == told["manifest"]["source_type"] == "compositeWithTrainedAlgorithmicMedia"
    assert told["tags"]["identity"] == task["id"]
    assert task["id"].startswith(told["watermark"]["id"])
    assert told["task"]["id"] == task["id"]
    heard = ask(asking, video).json()
    assert heard.pop("task") == {"id": task["id"], "status": "completed", "created_at": task["created_at"]}
    assert heard == {name: value for name, value in told.items() if name != "task"}


def test_nobody_else_learns_whose_task_it_was(made: tuple[dict, Path], asking: Server) -> None:
    """That it came from here is no secret: the video itself says so."""
    heard = ask(asking, made[1], account="somebody-else").json()
    assert (heard["verdict"], heard["id"], heard["task"]) == ("intact", made[0]["id"], None)


def test_what_is_no_video_is_refused(asking: Server, media: Path, tmp_path: Path) -> None:
    (tmp_path / "short.mp4").write_bytes(bytes(4) + b"ftypisom" + bytes(64))
    (tmp_path / "empty.mp4").touch()
    for path in (media / "portrait.png", media / "word.wav", tmp_path / "short.mp4", tmp_path / "empty.mp4"):
        answer = ask(asking, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type"), path
    assert not list(asking.data_dir.glob("uploads-under-way/*/upload-*"))


def test_so_it_does_on_postgresql(own_postgresql: str, host: str, tmp_path: Path) -> None:
    settings = {"SPARK_AVATAR_REQUIRE_CONSENT": "true", "SPARK_AVATAR_DATABASE_URL": own_postgresql}
    server = Server(tmp_path / "data", **settings).start()
    try:
        task, video = make(server, host, tmp_path / "video.mp4")
        with server.client(server.key()) as client:
            refused = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/word.wav"))
        heard = ask(server, video).json()
    finally:
        server.stop()
    code, told = verify(video, server.data_dir, **settings)
    assert (code, told["verdict"], told["task"]["id"]) == (0, "intact", task["id"])
    assert (heard["verdict"], heard["task"]["id"]) == ("intact", task["id"])
    assert task["metadata"]["consent"] == CONSENT
    assert refused.json()["error"]["code"] == "consent_required"


def test_a_copy_is_still_known(made: tuple[dict, Path], asking: Server, tmp_path: Path) -> None:
    """Encoded anew at CRF 28, which drops manifest and tags."""
    task, video = made
    with av.open(str(video)) as old, av.open(str(tmp_path / "copy.mp4"), "w") as new:
        stream = old.streams.video[0]
        encoder = new.add_stream("libx264", rate=25, options={"crf": "28"})
        encoder.width, encoder.height, encoder.pix_fmt = stream.width, stream.height, "yuv420p"
        for frame in old.decode(stream):
            new.mux(encoder.encode(frame.reformat(format="yuv420p")))
        new.mux(encoder.encode(None))
    code, told = verify(tmp_path / "copy.mp4", asking.data_dir)
    assert (code, told["verdict"], told["manifest"], told["tags"]) == (0, "marked", None, None)
    assert told["task"]["id"] == task["id"]
    heard = ask(asking, tmp_path / "copy.mp4").json()
    assert (heard["verdict"], heard["task"]["id"]) == ("marked", task["id"])


def test_one_changed_byte_is_noticed(made: tuple[dict, Path], asking: Server, tmp_path: Path) -> None:
    content = bytearray(made[1].read_bytes())
    content[content.index(b"mdat") + 5000] ^= 1
    (tmp_path / "changed.mp4").write_bytes(content)
    code, told = verify(tmp_path / "changed.mp4", asking.data_dir)
    assert (code, told["verdict"]) == (6, "changed")
    assert "assertion.bmffHash.mismatch" in told["manifest"]["faults"]


def test_a_foreign_video_has_nothing(made: tuple[dict, Path], asking: Server, tmp_path: Path) -> None:
    path = tmp_path / "foreign.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(25):
            picture = next(read_frames(made[1]))[40:280, 20 + number : 340 + number]  # a cut-out that moves: no grid fits it
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture.copy(), "rgb24")))
        container.mux(stream.encode(None))
    code, told = verify(path, asking.data_dir)
    assert (code, told["verdict"], told["task"]) == (5, "nothing", None)


def test_the_statement_is_kept_with_the_task_and_nowhere_else(made: tuple[dict, Path]) -> None:
    task, video = made
    assert task["metadata"]["consent"] == CONSENT
    assert task["metadata"]["provenance"]["label"] is True
    assert b"Ada" not in video.read_bytes()


@pytest.mark.parametrize("params", [{}, {"consent": ""}, {"consent": "   "}, {"consent": None}])
def test_a_request_without_consent_is_refused(asking: Server, host: str, params: dict) -> None:
    with asking.client(asking.key()) as client:
        answer = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/word.wav", **params))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "consent_required"
    assert "consent" in answer.json()["message"]


def test_the_models_own_description_asks_for_it(asking: Server) -> None:
    answer = httpx.get(f"{asking.url}/api/v1/skill/models/spark_avatar_picture_omni_v2/spec").json()
    required = {row["name"] for row in answer["data"]["parameters"] if row["required"]}
    assert required == {"image_url", "audio_url", "consent"}


def test_the_label_is_in_the_corner(made: tuple[dict, Path]) -> None:
    frame = next(read_frames(made[1]))
    plate = frame[10:30, 12:80].astype(int)
    assert plate.max() > 220
    assert plate.min() < 110


def test_the_command_line_marks_too_and_can_be_told_not_to(media: Path, tmp_path: Path) -> None:
    inputs = ("render", media / "portrait.png", media / "word.wav", "--resolution", "360p", "--seed", 1, "--json")
    folder = {"SPARK_AVATAR_DATA_DIR": str(tmp_path / "data")}
    marked = run(*inputs, "-o", tmp_path / "marked.mp4", **folder)
    assert marked.returncode == 0, marked.stderr
    code, told = verify(tmp_path / "marked.mp4", tmp_path / "data")
    assert (code, told["verdict"], told["id"]) == (0, "intact", json.loads(marked.stdout)["provenance"]["id"])
    assert told["id"].startswith(told["watermark"]["id"])
    off = {f"SPARK_AVATAR_PROVENANCE_{name}": "false" for name in ("MANIFEST", "TAGS", "WATERMARK")}
    assert run(*inputs, "-o", tmp_path / "plain.mp4", **folder, **off).returncode == 0
    _, told = verify(tmp_path / "plain.mp4", tmp_path / "data")
    assert (told["manifest"], told["tags"], told["watermark"]) == (None, None, None)


@pytest.mark.parametrize("command", [("doctor",), ("serve", "--port", "0")])
def test_a_broken_certificate_is_told_at_once(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "own.pem").write_text("no certificate")
    settings = {
        "SPARK_AVATAR_DATA_DIR": str(tmp_path / "data"),
        "SPARK_AVATAR_PROVENANCE_CERTIFICATE": str(tmp_path / "own.pem"),
        "SPARK_AVATAR_PROVENANCE_KEY": str(tmp_path / "own.pem"),
    }
    done = run(*command, **settings)
    assert done.returncode == (1 if command == ("doctor",) else 4)
    assert "certificate" in done.stdout + done.stderr


def test_a_broken_certificate_lets_no_video_out(media: Path, tmp_path: Path) -> None:
    settings = {"SPARK_AVATAR_PROVENANCE_CERTIFICATE": str(tmp_path / "missing.pem"), "SPARK_AVATAR_DATA_DIR": str(tmp_path)}
    done = run("render", media / "portrait.png", media / "word.wav", "-o", tmp_path / "out.mp4", **settings)
    assert done.returncode == 4
    assert not (tmp_path / "out.mp4").exists()
