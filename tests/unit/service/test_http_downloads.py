"""Downloads from hosts that misbehave, and addresses that would lead into the server's own network."""

import contextlib
import gzip
import socket
import ssl
import time
import zlib
from pathlib import Path

import pytest
from local_host import Host, local_host, response

from spark_avatar.errors import ImageTooManyBytes, ImageUnreadable, ImageUrlInvalid, RemoteStatusError, SparkAvatarError
from spark_avatar.media.limits import MediaLimits
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.connect import Deadline
from spark_avatar.service.faults import faults_of
from spark_avatar.service.http_source import MAX_REDIRECTS, HttpSource

LIMIT = 50_000
FAULTS = faults_of("image", MediaLimits(image_bytes=LIMIT))
BODY = bytes(range(251)) * 100
CERTIFICATE = Path(__file__).with_name("media_test.pem")


@pytest.fixture
def host():
    with local_host() as running:
        running.answers["/file"] = response(BODY)
        yield running


def download(url: str, folder: Path, *, seconds: float = 5.0, allow: tuple[str, ...] = ("127.0.0.1/32",), tls=None) -> bytes:
    target = folder / "file"
    HttpSource(AllowList.parse(allow), tls).download(url, target, FAULTS, Deadline(seconds))
    return target.read_bytes()


def fault(url: str, folder: Path, kind: type[SparkAvatarError], **options: object) -> SparkAvatarError:
    with pytest.raises(kind) as caught:
        download(url, folder, **options)
    assert "secret" not in caught.value.message
    assert "secret" not in str(caught.value.facts)
    return caught.value


def pretend(monkeypatch, names: dict[str, list[str]]) -> list[str]:
    """A name server that knows these names; returns what it is asked. Numbers need no name server."""
    asked = []
    resolver = socket.getaddrinfo

    def answer(name, port, *args, **options):
        if name.replace(".", "").isdigit():
            return resolver(name, port, *args, **options)
        asked.append(name)
        if name not in names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        found = []
        for address in names[name]:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            plain, _, scope = address.partition("%")
            end = (plain, port, 0, int(scope or 0)) if family == socket.AF_INET6 else (plain, port)
            found.append((family, socket.SOCK_STREAM, 6, "", end))
        return found

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_a_file_arrives_unchanged_and_nothing_about_us_is_told(host: Host, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    host.answers["/file?a=1&b=%20%C3%A4"] = response(BODY)
    assert download(host.url("/file?a=1&b=%20ä#part"), tmp_path) == BODY
    head = host.requests[-1].lower()
    assert f"host: 127.0.0.1:{host.port}\r\n" in head
    assert "accept-encoding: identity" in head
    assert "cookie" not in head
    assert "authorization" not in head


@pytest.mark.parametrize("status", ["404 Not Found", "500 Internal Server Error", "403 Forbidden", "304 Not Modified", "999 Odd"])
def test_a_status_that_is_no_success(status, host: Host, tmp_path):
    host.answers["/x?token=secret"] = response(b"<html>", status)
    error = fault(host.url("/x?token=secret"), tmp_path, RemoteStatusError)
    assert error.code == "003016097"
    assert status.split()[0] in error.message
    assert error.facts == {"host": f"127.0.0.1:{host.port}", "status": int(status.split()[0])}


def test_nobody_listens(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = fault(f"http://127.0.0.1:{free.getsockname()[1]}/?secret", tmp_path, RemoteStatusError)
    assert "could not be reached" in error.message


def test_an_unknown_name(tmp_path, monkeypatch):
    pretend(monkeypatch, {})
    assert "nowhere.invalid" in fault("http://nowhere.invalid/secret", tmp_path, RemoteStatusError).message


def test_a_name_server_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: time.sleep(1.5))
    started = time.monotonic()
    assert "in time" in fault("http://slow.test/", tmp_path, RemoteStatusError, seconds=0.3).message
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("length", [LIMIT + 1, 10**18])
def test_an_announced_excess_is_not_even_read(length, host: Host, tmp_path):
    host.answers["/big"] = lambda send: send(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
    assert fault(host.url("/big"), tmp_path, ImageTooManyBytes).facts["image_bytes"] == length


def test_an_endless_body_is_cut_off(host: Host, tmp_path):
    def endless(send):
        send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not host.over.is_set():
            send(bytes(8192))

    host.answers["/endless"] = endless
    fault(host.url("/endless"), tmp_path, ImageTooManyBytes)
    assert (tmp_path / "file").stat().st_size <= LIMIT


def test_endless_chunks_are_cut_off(host: Host, tmp_path):
    def endless(send):
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not host.over.is_set():
            send(b"1000\r\n" + bytes(4096) + b"\r\n")

    host.answers["/endless"] = endless
    fault(host.url("/endless"), tmp_path, ImageTooManyBytes)


def test_exactly_the_limit_is_fine(host: Host, tmp_path):
    host.answers["/limit"] = response(bytes(LIMIT))
    assert len(download(host.url("/limit"), tmp_path)) == LIMIT


def test_less_than_announced(host: Host, tmp_path):
    host.answers["/short"] = response(BODY, Content_Length=str(len(BODY) + 5))
    assert "broke off" in fault(host.url("/short"), tmp_path, RemoteStatusError).message


def test_more_than_announced_is_not_taken(host: Host, tmp_path):
    host.answers["/more"] = response(BODY, Content_Length="10")
    assert download(host.url("/more"), tmp_path) == BODY[:10]


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_slow_drip_ends_with_the_deadline(part, host: Host, tmp_path):
    def drip(send):
        send(b"HTTP/1.1 200 OK\r\nX-Padding: " if part == "head" else b"HTTP/1.1 200 OK\r\n\r\n")
        while not host.over.wait(0.05):
            send(b"x")

    host.answers["/drip"] = drip
    started = time.monotonic()
    assert "in time" in fault(host.url("/drip"), tmp_path, RemoteStatusError, seconds=0.6).message
    assert time.monotonic() - started < 2


def test_silence_ends_with_the_deadline(host: Host, tmp_path):
    host.answers["/silent"] = lambda _send: host.over.wait(5)
    fault(host.url("/silent"), tmp_path, RemoteStatusError, seconds=0.3)


def test_a_checkpoint_ends_the_download(host: Host, tmp_path):
    class Stop(Exception):
        pass

    def drip(send):
        send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not host.over.wait(0.02):
            send(b"x")

    host.answers["/drip"] = drip
    since = time.monotonic()

    def checkpoint():
        if time.monotonic() - since > 0.2:
            raise Stop

    with pytest.raises(Stop):
        HttpSource(AllowList.parse(["127.0.0.1"])).download(host.url("/drip"), tmp_path / "file", FAULTS, Deadline(5, checkpoint))


@pytest.mark.parametrize(
    "noise", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00" * 200, b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", b""]
)
def test_what_is_not_http(noise, host: Host, tmp_path):
    host.answers["/noise"] = lambda send: send(noise)
    fault(host.url("/noise"), tmp_path, RemoteStatusError)


def test_an_empty_file(host: Host, tmp_path):
    host.answers["/empty"] = response(b"")
    assert "0 bytes" in fault(host.url("/empty"), tmp_path, ImageUnreadable).message


def test_compression_that_nobody_asked_for_is_undone(host: Host, tmp_path):
    host.answers["/gzip"] = response(gzip.compress(BODY), Content_Encoding="gzip")
    host.answers["/deflate"] = response(zlib.compress(BODY), Content_Encoding="deflate")
    assert download(host.url("/gzip"), tmp_path) == BODY
    assert download(host.url("/deflate"), tmp_path) == BODY


def test_a_gzip_bomb_is_stopped_while_it_unfolds(host: Host, tmp_path):
    bomb = gzip.compress(bytes(200_000_000), 9)[:LIMIT]
    host.answers["/bomb"] = response(bomb, Content_Encoding="gzip")
    started = time.monotonic()
    fault(host.url("/bomb"), tmp_path, ImageTooManyBytes)
    assert (tmp_path / "file").stat().st_size <= LIMIT
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(("content", "encoding"), [(gzip.compress(BODY)[:-9], "gzip"), (b"not gzip", "gzip"), (BODY, "br")])
def test_compression_that_cannot_be_undone(content, encoding, host: Host, tmp_path):
    host.answers["/odd"] = response(content, Content_Encoding=encoding)
    fault(host.url("/odd"), tmp_path, RemoteStatusError)


@pytest.mark.parametrize("location", ["/file", "file", "{url}", "//127.0.0.1:{port}/file"])
def test_redirects_are_followed(location, host: Host, tmp_path):
    host.answers["/moved"] = response(b"", "302 Found", Location=location.format(url=host.url("/file"), port=host.port))
    assert download(host.url("/moved"), tmp_path) == BODY


def test_as_many_redirects_as_allowed_and_no_more(host: Host, tmp_path):
    for number in range(MAX_REDIRECTS + 1):
        host.answers[f"/{number}"] = response(b"", "307 Temporary Redirect", Location=f"/{number + 1}")
    host.answers[f"/{MAX_REDIRECTS + 1}"] = response(BODY)
    assert download(host.url("/1"), tmp_path) == BODY
    error = fault(host.url("/0"), tmp_path, RemoteStatusError)
    assert str(MAX_REDIRECTS) in error.message


def test_a_redirect_loop_ends(host: Host, tmp_path):
    host.answers["/loop"] = response(b"", "301 Moved Permanently", Location="/loop")
    fault(host.url("/loop"), tmp_path, RemoteStatusError)
    assert len(host.requests) == MAX_REDIRECTS + 1


def test_redirects_share_one_deadline(host: Host, tmp_path):
    def slow(send):
        host.over.wait(0.25)
        response(b"", "302 Found", Location="/slow")(send)

    host.answers["/slow"] = slow
    started = time.monotonic()
    assert "in time" in fault(host.url("/slow"), tmp_path, RemoteStatusError, seconds=0.6).message
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.2]/",
        "http://127.0.0.2:{port}/file",
        "http://2130706433:{port}/file",
        "http://user:pass@127.0.0.1:{port}/file",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/_x",
        "data:text/plain,x",
    ],
)
def test_a_redirect_to_where_nobody_may_go(location, host: Host, tmp_path):
    host.answers["/moved"] = response(b"", "302 Found", Location=location.format(port=host.port))
    fault(host.url("/moved"), tmp_path, ImageUrlInvalid)
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1%25lo]",
        "[fe80::1%lo]",
        "１２７.0.0.1",
        "127。0。0。1",
        "ⓛocalhost",
        "user@127.0.0.1",
        "8.8.8.8\\@127.0.0.1",
        "127.0.0.1\t",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
    ],
)
def test_no_spelling_of_an_inner_address_is_connected_to(target, host: Host, tmp_path):
    host_part, _, _ = target.partition("\t")
    url = f"http://{target}:{host.port}/file" if host_part == target else f"http://{host_part}:{host.port}/\tfile"
    fault(url, tmp_path, ImageUrlInvalid, allow=())
    assert host.requests == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.5", "::1", "::ffff:10.0.0.5", "fe80::1%2", "64:ff9b::a00:5", "2002:a00:5::1", "fd00::1"]
)
def test_a_name_that_leads_inside_is_refused(address, host: Host, tmp_path, monkeypatch):
    pretend(monkeypatch, {"innocent.test": [address]})
    error = fault(host.url("/file?secret", host="innocent.test"), tmp_path, ImageUrlInvalid, allow=())
    assert "innocent.test" in error.message
    assert address not in error.message, "the answer must not map the inner network"
    assert host.requests == []


def test_only_the_permitted_addresses_of_a_name_are_used(host: Host, tmp_path, monkeypatch):
    pretend(monkeypatch, {"mixed.test": ["127.0.0.2", "::1", "127.0.0.1"]})
    assert download(host.url("/file", host="mixed.test"), tmp_path) == BODY


def test_the_name_is_resolved_once_and_the_connection_goes_to_what_was_checked(host: Host, tmp_path, monkeypatch):
    asked = pretend(monkeypatch, {"rebind.test": ["127.0.0.1"]})
    assert download(host.url("/file", host="rebind.test"), tmp_path) == BODY
    assert asked == ["rebind.test"]
    assert f"Host: rebind.test:{host.port}" in host.requests[0]


def test_the_second_address_is_tried_when_the_first_does_not_answer(host: Host, tmp_path, monkeypatch):
    pretend(monkeypatch, {"two.test": ["127.0.0.3", "127.0.0.1"]})
    assert download(host.url("/file", host="two.test"), tmp_path, allow=("127.0.0.0/8",)) == BODY


def test_a_host_may_be_allowed_by_name(host: Host, tmp_path, monkeypatch):
    pretend(monkeypatch, {"media.intranet": ["127.0.0.1"]})
    assert download(host.url("/file", host="media.intranet"), tmp_path, allow=("media.intranet",)) == BODY


@pytest.mark.parametrize(
    "url", ["http://", "http:///file", "http://a:99999/", "http://a:x/", "ftp://a/", "//a/b", "/file", "http://[::1", "a.jpg"]
)
def test_what_is_no_address(url, tmp_path):
    fault(url, tmp_path, ImageUrlInvalid)


@pytest.fixture
def tls_host():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with local_host(context) as running:
        running.answers["/file"] = response(BODY)
        yield running


@pytest.fixture
def trust():
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def test_the_certificate_is_checked_against_the_name(tls_host: Host, tmp_path, monkeypatch, trust):
    pretend(monkeypatch, {"media.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    assert download(tls_host.url("/file", host="media.test", scheme="https"), tmp_path, tls=trust) == BODY
    error = fault(tls_host.url("/file", host="other.test", scheme="https"), tmp_path, RemoteStatusError, tls=trust)
    assert "certificate" in error.message


def test_an_unknown_authority_is_not_trusted(tls_host: Host, tmp_path, monkeypatch):
    pretend(monkeypatch, {"media.test": ["127.0.0.1"]})
    error = fault(tls_host.url("/file", host="media.test", scheme="https"), tmp_path, RemoteStatusError)
    assert "certificate" in error.message


def test_no_redirect_from_https_to_http(tls_host: Host, host: Host, tmp_path, monkeypatch, trust):
    pretend(monkeypatch, {"media.test": ["127.0.0.1"]})
    tls_host.answers["/down"] = response(b"", "302 Found", Location=host.url("/file"))
    fault(tls_host.url("/down", host="media.test", scheme="https"), tmp_path, RemoteStatusError, tls=trust)
    assert host.requests == []


HEADS = [
    b"Content-Length: " + b"9" * 5000,
    b"Content-Length: 1, 1",
    b"Content-Length: -1",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Transfer-Encoding: chunked\r\nContent-Length: 3",
    b"Transfer-Encoding: gzip, chunked",
    b"Location: http://[",
    b"Content-Encoding: \xff\xfe",
    b"Content-Encoding: gzip, gzip",
    b": no name",
    b"X: " + b"a" * 200_000,
    b"X\x00Y: 1",
]


@pytest.mark.parametrize(
    "status", [b"200 OK", b"302 Found", b"100 Continue", b"204 No Content", b"206 Partial Content", b"7 x", b"\xff"]
)
@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_no_answer_however_odd_is_an_accident_of_ours(status, head, host: Host, tmp_path):
    host.answers["/odd"] = lambda send: send(b"HTTP/1.1 " + status + b"\r\n" + head + b"\r\n\r\n" + BODY)
    with contextlib.suppress(SparkAvatarError):
        download(host.url("/odd"), tmp_path, seconds=2)


@pytest.mark.parametrize(
    "location",
    ["http://\ud800/", "http://a\r\nb/", "", "http://" + "a" * 300, "http://xn--/", "\x00", "http://a..b/", "é" * 5000],
)
def test_no_redirect_however_odd_is_an_accident_of_ours(location, host: Host, tmp_path):
    header = location.encode("utf-8", "surrogatepass")
    host.answers["/odd"] = lambda send: send(b"HTTP/1.1 302 Found\r\nLocation: " + header + b"\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(SparkAvatarError):
        download(host.url("/odd"), tmp_path, seconds=2)
    assert len(host.requests) == 1 or location in ("", "é" * 5000)


@pytest.mark.parametrize(
    "url",
    [
        "http://\ud800/",
        "http://" + "a" * 300 + "/",
        "http://xn--/",
        "http://a..b/",
        "http://.../",
        "http://a:0/",
        "http://\u2488com/",
        "http://[v1.x]/",
    ],
)
def test_no_address_however_odd_is_an_accident_of_ours(url, tmp_path):
    with pytest.raises(SparkAvatarError):
        download(url, tmp_path, seconds=2)
