"""What no client library sends: raw bytes on the socket, paths that climb, headers that split, bodies made to break parsers.

After each of them the server answers the next request, and nothing of its inside was told.
"""

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from contract_house import House
from prometheus_client import CollectorRegistry

from spark_avatar.accounts.keys import KeyTerms
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.http import build_api

CREATE = "/model/v1/generation"
INSIDE = (b"Traceback", b"/site-packages/", b"spark_avatar/", b"sqlite3", b"SELECT ", b"root:x:")


@pytest.fixture(autouse=True)
def still_alive(stranger: httpx.Client) -> Iterator[None]:
    yield
    assert stranger.get("/healthz").status_code == 200


def say(server: str, *pieces: bytes) -> bytes:
    """Sends the bytes, and returns all that comes until the server has said nothing for a while, or hung up."""
    parts = urlsplit(server)
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.settimeout(1.0)
        answer = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while piece := connection.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
    assert not any(word in answer for word in INSIDE), answer
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(line.split()[1]) for line in answer.splitlines() if line.startswith(b"HTTP/1.1 ")]


CLIMBING = [
    b"/v1/files/../../secret",
    b"/v1/files/..%2f..%2fsecret",
    b"/v1/files/%2e%2e/%2e%2e/secret",
    b"/v1/files/....//....//secret",
    b"/v1/files/..\\..\\secret",
    b"/v1/files/..%5c..%5csecret",
    b"/v1/files/%252e%252e%252fsecret",
    b"/v1/files/..%c0%af..%c0%afsecret",
    b"/v1/files//etc/passwd",
    b"/v1/files/uploads/a%00.png",
    b"/v1/files/file:///etc/passwd",
    b"/assets/../../../../etc/passwd",
    b"/assets/%2e%2e/%2e%2e/config.py",
    b"/static/..%2f..%2fconfig.py",
    b"//etc/passwd",
    b"/..;/metrics",
    b"http://169.254.169.254/latest/meta-data/",
    b"/%ff%fe",
    b"/" + b"a" * 20_000,
]


@pytest.mark.parametrize("path", CLIMBING, ids=range(len(CLIMBING)))
def test_no_path_leads_out_of_its_place(server: str, key: str, path: bytes) -> None:
    request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key.encode() + b"\r\nConnection: close\r\n\r\n"
    answer = say(server, request)
    assert set(statuses(answer)) <= {302, 303, 307, 400, 403, 404, 405, 414, 422}, answer[:300]


def test_a_task_id_leads_nowhere_else(http: httpx.Client) -> None:
    for word in ("../keys", "..%2f..%2fapi%2fv1%2fkeys", "%00", "a' OR '1'='1", "%", "💥", "x" * 5000):
        answer = http.get(f"{CREATE}/task/{word}")
        assert answer.status_code in (400, 404, 405, 414), word


SPLITTING = ["x\r\nSet-Cookie: a=b", "x\nX-Evil: 1", "x\r\n\r\n<html>", "x%0d%0aX-Evil:%201"]


@pytest.mark.parametrize("word", SPLITTING)
def test_no_header_of_ours_can_be_split(server: str, key: str, word: str) -> None:
    head = f"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: {word}\r\n\r\n"
    answer = say(server, head.encode())
    named = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"set-cookie" not in named
    assert b"x-evil: 1" not in named


@pytest.mark.parametrize("word", SPLITTING)
def test_no_redirect_takes_a_line_break(stranger: httpx.Client, word: str) -> None:
    answer = stranger.get("/tasks", params={"next": word}, headers={"Accept": "text/html"})
    assert "x-evil" not in answer.headers
    assert "a=b" not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1@evil.example", "a\tb", "x" * 3000, ""])
def test_links_carry_no_host_that_breaks_them(server: str, key: str, host: str) -> None:
    head = f"GET /api/v1/skill/models/spark_avatar_picture_omni_v2/spec HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert all(status < 500 for status in statuses(say(server, head.encode())))


RAW = {
    "not http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "a line without an end": b"GET / HTTP/1.1" + b"x" * 100_000,
    "http 0.9": b"GET /\r\n\r\n",
    "http 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "endless headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"b" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"H%d: v\r\n" % n for n in range(5000)) + b"\r\n",
    "a negative length": b"POST /model/v1/generation HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length that is none": b"POST /model/v1/generation HTTP/1.1\r\nHost: x\r\nContent-Length: 1e9\r\n\r\n",
    "a monstrous length": b"POST /model/v1/generation HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "two lengths": b"POST /model/v1/generation HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a chunk that is none": b"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a header with a zero byte": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "an unknown method": b"BREW /model/v1/generation HTTP/1.1\r\nHost: x\r\n\r\n",
    "a websocket": b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\n\r\n",
}


@pytest.mark.parametrize("name", RAW)
def test_noise_is_refused_or_cut_off(server: str, name: str) -> None:
    assert all(status < 500 for status in statuses(say(server, RAW[name]))), name


UPLOAD = b"Content-Type: multipart/form-data; boundary=a\r\n"


@pytest.mark.parametrize(("path", "kind"), [(CREATE, b""), ("/api/v1/storage/files", UPLOAD)])
def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault_of_ours(
    server: str, key: str, stranger: httpx.Client, path: str, kind: bytes
) -> None:
    def counted(status: int) -> float:
        wanted = f'spark_avatar_http_requests_total{{method="POST",route="{path}",status="{status}"}} '
        lines = stranger.get("/metrics").text.splitlines()
        return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))

    left, failed = counted(0), counted(500)
    parts = urlsplit(server)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 70000\r\n".encode()
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.sendall(head + kind + b"\r\n--a\r\n")
    deadline = time.monotonic() + 30
    while counted(0) == left and time.monotonic() < deadline:
        time.sleep(0.02)
    assert counted(0) > left
    assert counted(500) == failed


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\n Transfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_no_second_request_is_smuggled_behind_a_first(server: str, framing: bytes) -> None:
    """Two readings of one length: whichever is taken, the hidden request must not be answered as one of its own."""
    hidden = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = say(server, b"POST /api/v1/cli/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + framing + hidden)
    ambiguous = b"Content-Length" in framing and b"Transfer-Encoding" in framing
    if ambiguous:
        assert b"# HELP" not in answer
    assert all(status < 500 for status in statuses(answer))


BODIES = {
    "nested too deep": b"[" * 100_000,
    "an object nested too deep": b'{"a":' * 50_000,
    "a number without end": b'{"model": ' + b"9" * 100_000 + b"}",
    "a float without end": b'{"model": 1e999999}',
    "not a number": b'{"model": NaN, "image_url": Infinity}',
    "half a surrogate": b'{"model": "\\ud800", "image_url": "\\udfff"}',
    "a zero in a string": b'{"model": "spark_avatar_picture_omni_v2", "image_url": "http://a/\\u0000", "audio_url": "http://a/b"}',
    "bytes that are no text": b'{"model": "\xff\xfe"}',
    "one name twice": b'{"model": "a", "model": ["b"]}',
    "many names": json.dumps({f"k{number}": number for number in range(20_000)}).encode(),
    "utf 16": '{"model": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "empty": b"",
    "one letter": b"x",
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", [CREATE, f"{CREATE}/precharge", "/api/v1/keys", "/api/v1/session", "/api/v1/cli/token"])
def test_a_body_made_to_break_is_refused(http: httpx.Client, path: str, name: str) -> None:
    answer = http.post(path, content=BODIES[name], headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, (path, answer.text[:200])
    assert not any(word in answer.content for word in INSIDE)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/json; charset=nope",
        "a/" + "b" * 5000,
    ],
)
def test_a_body_of_another_kind_is_refused(http: httpx.Client, kind: str) -> None:
    for path in (CREATE, "/api/v1/storage/files"):
        answer = http.post(path, content=b"--\r\n\r\n", headers={"Content-Type": kind})
        assert 400 <= answer.status_code < 500, (path, answer.text[:200])


DESCRIPTION = build_api(registry=CollectorRegistry()).openapi()
OPERATIONS = [(method, path) for path, found in DESCRIPTION["paths"].items() for method in found]


def texts_of(schema: dict) -> list[str]:
    """The members of a body that may be texts."""
    schema = DESCRIPTION["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
    members = schema.get("properties", {})
    return [name for name, kind in members.items() if '"string"' in json.dumps(kind) or "$ref" in json.dumps(kind)]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_operation_fails_on_a_nul_in_its_texts(method: str, path: str, stranger: httpx.Client, house: House) -> None:
    """PostgreSQL takes none: what reaches it must have been looked at."""
    terms = KeyTerms(scopes=frozenset(Scope))
    stranger.headers["Authorization"] = f"Bearer {house.keys.create('any', account='of-nuls', terms=terms)[1]}"
    operation = DESCRIPTION["paths"][path][method]
    wanted = {each["name"]: "a\0b" for each in operation.get("parameters", []) if each["in"] == "query"}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    sent = dict.fromkeys(texts_of(body), "a\x00b@example.org")
    place = "/".join("a%00b" if part.startswith("{") else part for part in path.split("/"))
    calls: list[tuple[dict, dict | None]] = [({}, sent or None), *(({name: text}, sent or None) for name, text in wanted.items())]
    for query, content in calls:
        answer = stranger.request(method, place, params=query, json=content)
        assert answer.status_code < 500, (query, content, answer.text[:300])


def test_wrong_keys_cannot_be_told_apart(stranger: httpx.Client, house: House, key: str) -> None:
    """Whoever guesses learns nothing: not that a prefix exists, not that a key was good once."""
    made, gone = house.keys.create("gone", account="of-a-guesser")
    house.keys.revoke(made.id)
    guesses = [
        key[:-1] + ("a" if key[-1] != "a" else "b"),
        key[:14] + "A" * (len(key) - 14),
        "sk-spark-" + "B" * 43,
        gone,
        "x",
        key[:-1],
    ]

    def answer(guess: str) -> tuple[int, dict[str, str], dict]:
        found = stranger.get("/api/v1/usage", headers={"Authorization": f"Bearer {guess}"})
        body = found.json()
        body.get("error", {}).pop("request_id", None)
        told = {name: value for name, value in found.headers.items() if name not in ("x-request-id", "date", "content-length")}
        return found.status_code, {name: told[name] for name in told if not name.startswith("ratelimit")}, _without_ids(body)

    answers = [answer(guess) for guess in guesses]
    assert answers[0][0] == 401
    assert all(each == answers[0] for each in answers), answers


def _without_ids(body: object) -> object:
    if isinstance(body, dict):
        return {name: _without_ids(value) for name, value in body.items() if name != "request_id"}
    return body
