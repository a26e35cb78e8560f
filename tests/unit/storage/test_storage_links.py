from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from spark_avatar.errors import NotAllowed, ObjectNotFound
from spark_avatar.storage.links import LinkSigner
from spark_avatar.storage.storage import ObjectKey

NOW = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
KEY = ObjectKey("outputs/anna/t1/1.mp4")
signer = LinkSigner(b"s" * 32)


def link(*, seconds=60):
    return signer.sign(KEY, expires_at=NOW + timedelta(seconds=seconds))


def parts(path):
    split = urlsplit(path)
    query = parse_qs(split.query)
    return split.path.removeprefix("/v1/files/"), query["expires"][0], query["signature"][0]


def verify(path, *, seconds=0):
    return signer.verify(*parts(path), NOW + timedelta(seconds=seconds))


def test_a_link_opens_its_file():
    assert link().startswith("/v1/files/outputs/anna/t1/1.mp4?expires=")
    assert verify(link()) == KEY


def test_a_link_works_until_it_expires():
    assert verify(link(seconds=60), seconds=59.9) == KEY
    with pytest.raises(NotAllowed, match="expired"):
        verify(link(seconds=60), seconds=61)


def test_nothing_of_a_link_can_be_changed():
    key, expires, signature = parts(link())
    for changed in [
        ("outputs/anna/t1/2.mp4", expires, signature),
        (key, str(int(expires) + 1), signature),
        (key, "0" + expires, signature[:-1]),
        (key, expires, signature[:-1] + ("A" if signature[-1] != "A" else "B")),
        (key, expires, ""),
        (key, "", signature),
        (key, "-1", signature),
        (key, "1e99", signature),
        (key, "9" * 5000, signature),
        (key, "\u0663", signature),
        (key, expires, "\udcff"),
    ]:
        with pytest.raises(NotAllowed):
            signer.verify(*changed, NOW)


def test_another_secret_signs_other_links():
    with pytest.raises(NotAllowed):
        LinkSigner(b"t" * 32).verify(*parts(link()), NOW)


def test_a_key_that_cannot_be_one_is_not_found():
    _, expires, signature = parts(link())
    with pytest.raises(ObjectNotFound):
        signer.verify("../secret", expires, signature, NOW)


@pytest.mark.parametrize(
    "base", ["", "https://avatar.example.org", "http://127.0.0.1:8000", "https://example.org/behind/a/proxy"]
)
def test_our_links_are_recognised_whatever_their_host(base):
    assert signer.key_from_url(base + link(), NOW) == KEY
    assert signer.key_from_url(base + link() + "&utm_source=x", NOW) == KEY


def test_a_percent_encoded_link_is_recognised():
    assert signer.key_from_url("https://h" + link().replace("/1.mp4", "/1%2Emp4"), NOW) == KEY


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://example.org/portrait.jpg",
        "https://example.org/v1/files/outputs/anna/t1/1.mp4",
        "https://example.org/v1/files/outputs/anna/t1/1.mp4?expires=99999999999&signature=x",
        "https://example.org" + link().replace("t1", "t2"),
        "https://example.org" + link() + "&expires=1",
        "https://example.org" + link(seconds=-10),
        "https://example.org/v1/files/..%2f..%2fsecret?" + link().partition("?")[2],
        "https://[broken" + link(),
        "https://example.org" + link() + "&a=1" * 20,
        "data:image/png;base64,AAAA",
    ],
)
def test_other_urls_are_not_ours(url):
    assert signer.key_from_url(url, NOW) is None
