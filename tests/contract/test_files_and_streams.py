"""Uploads, signed links with ranges, and the event stream, over a real connection."""

import io
import json
import re
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from contract_house import House, Worker
from strict_client import StrictClient, decode_error, decode_task

FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}
UPLOAD = "/api/v1/storage/files"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
VIDEO = bytes(range(256)) * 4096


@pytest.fixture
def link(client: StrictClient, worker: Worker) -> str:
    task_id = client.create(FLAT)["id"]
    worker.complete(*worker.start(task_id), VIDEO)
    return client.poll(task_id)["output"][0]["content"][0]["url"]


def test_an_upload_gives_an_address_that_reads_it_back(http: httpx.Client, house: House) -> None:
    response = http.post(UPLOAD, files={"file": ("me.png", PNG, "text/html")}, data={"note": "x"})
    assert response.status_code == 200
    body = response.json()
    assert body["url"] == body["data"]["url"]
    assert body["data"]["size"] == len(PNG)
    assert body["data"]["content_type"] == "image/png"  # not what the caller claimed
    read = httpx.get(body["url"])
    assert read.content == PNG
    assert read.headers["content-type"] == "image/png"
    assert list(house.ports.scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"<html><script>1</script></html>", "a.png"), (b"<svg xmlns='x'/>", "a.svg"), (b"", "a.png"), (b"%PDF-1.7", "a.jpg")],
)
def test_only_pictures_sound_and_video_are_kept(http: httpx.Client, house: House, content: bytes, name: str) -> None:
    response = http.post(UPLOAD, files={"file": (name, content, "image/png")})
    assert response.status_code == 415
    assert decode_error(response)["code"] == "unsupported_media_type"
    assert list(house.ports.scratch.iterdir()) == []


def test_an_upload_over_the_limit_is_a_413(http: httpx.Client, house: House) -> None:
    response = http.post(UPLOAD, files={"file": ("a.png", io.BytesIO(PNG + bytes(3_000_000)))})
    assert response.status_code == 413
    decode_error(response)

    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PNG
        for _ in range(300):
            yield bytes(100_000)

    response = http.post(UPLOAD, content=chunks(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert response.status_code == 413
    assert list(house.ports.scratch.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"content": PNG, "headers": {"Content-Type": "image/png"}},
        {"content": b"junk", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"junk", "headers": {"Content-Type": "multipart/form-data"}},
        {"files": {"picture": ("a.png", PNG)}},
        {"data": {"file": "text"}, "files": {"other": ("a.png", PNG)}},
    ],
)
def test_an_upload_that_is_none_says_what_is_expected(http: httpx.Client, options: dict) -> None:
    response = http.post(UPLOAD, **options)
    assert response.status_code == 400
    assert "multipart/form-data" in decode_error(response)["message"]


def test_a_link_reads_the_whole_file(link: str) -> None:
    response = httpx.get(link)
    assert response.status_code == 200
    assert response.content == VIDEO
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"].startswith("private")
    assert response.headers["content-disposition"].startswith("inline; filename=")
    head = httpx.head(link)
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(VIDEO))
    assert head.content == b""


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-1023", 0, 1024),
        ("bytes=1000-", 1000, len(VIDEO)),
        ("bytes=-500", len(VIDEO) - 500, len(VIDEO)),
        ("bytes=-99999999", 0, len(VIDEO)),
        ("bytes=5-99999999", 5, len(VIDEO)),
    ],
)
def test_a_range_is_a_206(link: str, asked: str, start: int, end: int) -> None:
    response = httpx.get(link, headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == VIDEO[start:end]
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{len(VIDEO)}"
    assert response.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_beyond_the_file_is_a_416(link: str, asked: str) -> None:
    response = httpx.get(link, headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(VIDEO)}"
    decode_error(response)


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "items=0-5", "bytes=a-b", "bytes=9-3", "bytes=-"])
def test_a_range_that_cannot_be_read_is_ignored(link: str, asked: str) -> None:
    response = httpx.get(link, headers={"Range": asked})
    assert response.status_code == 200
    assert len(response.content) == len(VIDEO)


def test_a_range_of_another_version_is_not_sent(link: str) -> None:
    tag = httpx.head(link).headers["etag"]
    assert httpx.get(link, headers={"Range": "bytes=0-9", "If-Range": tag}).status_code == 206
    assert httpx.get(link, headers={"Range": "bytes=0-9", "If-Range": '"another"'}).status_code == 200
    assert httpx.get(link, headers={"If-None-Match": tag}).status_code == 304


def test_a_link_that_was_changed_opens_nothing(link: str) -> None:
    changed = [link[:-4] + "AAAA", link.replace("expires=", "expires=9"), link.split("?")[0]]
    for address in changed:
        response = httpx.get(address)
        assert response.status_code == 403
        decode_error(response)
    assert httpx.get(link.replace("outputs/", "../../")).status_code == 404
    assert httpx.get(link.replace("/v1/files/outputs", "/v1/files/..%2f..%2fetc")).status_code == 404


def test_links_begin_with_the_public_address_when_there_is_one(house: House, client: StrictClient, worker: Worker) -> None:
    from spark_avatar.api.ports import base_url

    ports = house.app(public_url="https://avatar.example.org/").state.ports
    assert base_url(ports, None) == "https://avatar.example.org"  # type: ignore[arg-type]


def events(response: httpx.Response) -> Iterator[tuple[str, int, dict]]:
    """The events of a stream: name, id, data."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], int(fields["id"]), json.loads(fields["data"])
            fields = {}


def test_a_stream_tells_every_change_and_ends_with_the_whole_task(client: StrictClient, worker: Worker) -> None:
    task_id = client.create(FLAT)["id"]

    def work() -> None:
        task, claim = worker.start(task_id)
        for progress in (0.2, 0.6):
            worker.report(task_id, claim, progress)
            time.sleep(0.4)
        worker.complete(task, claim)

    with client.http.stream("GET", f"/model/v1/generation/task/{task_id}/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        threading.Thread(target=work).start()
        seen = list(events(response))
    names = [name for name, _, _ in seen]
    assert names[0] == "output"
    assert names[-1] == "done"
    assert set(names[:-1]) == {"output"}
    progress = [decode_task(json.dumps(data)).get("progress") for _, _, data in seen[:-1]]
    assert progress == sorted(progress)
    assert {0.2, 0.6} <= set(progress)
    cursors = [cursor for _, cursor, _ in seen]
    assert cursors == sorted(set(cursors))
    assert decode_task(json.dumps(seen[-1][2]))["status"] == "completed"


def test_a_stream_of_a_failed_task_ends_with_its_error(client: StrictClient, worker: Worker) -> None:
    task_id = client.create(FLAT)["id"]
    worker.fail(*worker.start(task_id))
    with client.http.stream("GET", f"/model/v1/generation/task/{task_id}/stream") as response:
        ((name, _, data),) = events(response)
    assert name == "error"
    assert decode_task(json.dumps(data))["error"]["code"] == "003016014"


@pytest.mark.parametrize("how", ["query", "header"])
def test_a_stream_resumes_behind_its_cursor(client: StrictClient, worker: Worker, how: str) -> None:
    task_id = client.create(FLAT)["id"]
    task, claim = worker.start(task_id)
    worker.report(task_id, claim, 0.5)
    path = f"/model/v1/generation/task/{task_id}/stream"
    with client.http.stream("GET", path) as response:
        _, cursor, data = next(events(response))
    assert data["progress"] == 0.5
    worker.report(task_id, claim, 0.75)
    options = {"params": {"cursor": cursor}} if how == "query" else {"headers": {"Last-Event-ID": str(cursor)}}
    with client.http.stream("GET", path, **options) as response:
        name, later, data = next(events(response))
    assert (name, data["progress"]) == ("output", 0.75)
    assert later > cursor
    worker.complete(task, claim)


def test_the_pages_are_served_under_a_strict_policy(stranger: httpx.Client) -> None:
    page = stranger.get("/sign-in")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page.text), "nothing inline"
    assert not re.search(r"https?://", page.text), "nothing from elsewhere"
    used = set(re.findall(r"/console/[^\"#]+", page.text))
    assert {path.rpartition(".")[2] for path in used} == {"css", "js", "svg"}
    for path in used:
        asset = stranger.get(path)
        assert asset.status_code == 200
        assert asset.headers["content-security-policy"] == policy
        assert asset.headers["x-content-type-options"] == "nosniff"
        assert "immutable" in asset.headers["cache-control"]


def test_the_console_serves_its_own_files_only(stranger: httpx.Client) -> None:
    version = re.search(r"/console/(\w+)/", stranger.get("/sign-in").text).group(1)
    for name in ("console.py", "..%2fconsole.py", "css/none.css", ""):
        assert stranger.get(f"/console/{version}/{name}").status_code == 404
    assert stranger.get("/console/0/css/base.css").status_code == 404
    assert stranger.get("/samples/other").status_code == 404


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/sign-in"),
        ("/tasks", "/sign-in?next=%2Ftasks"),
        ("/?task=1&x=//evil.example", "/sign-in?next=%2F%3Ftask%3D1%26x%3D%2F%2Fevil.example"),
    ],
)
def test_pages_lead_strangers_to_the_sign_in_and_back(path: str, target: str, stranger: httpx.Client) -> None:
    answer = stranger.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, target)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
