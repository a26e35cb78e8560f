from urllib.parse import parse_qs, urlsplit

import pytest
from service_house import CALLER, House

from spark_avatar.errors import NotAllowed, ObjectNotFound, WrongMediaType
from spark_avatar.service.files import FileService

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


@pytest.fixture
def files(house: House) -> FileService:
    return FileService(house.storage, house.signer, link_seconds=100, clock=house.clock)


def parts(url: str) -> tuple[str, str, str]:
    split = urlsplit(url)
    query = parse_qs(split.query)
    return split.path.removeprefix("/v1/files/"), query["expires"][0], query["signature"][0]


def stored(files: FileService, tmp_path, name="portrait.png", content=PNG):
    source = tmp_path / "upload"
    source.write_bytes(content)
    return files.upload(source, filename=name, caller=CALLER)


def test_an_upload_can_be_read_through_its_link_in_parts(files: FileService, tmp_path):
    file = stored(files, tmp_path)
    assert (file.size, file.media_type) == (len(PNG), "image/png")
    assert file.key.startswith("uploads/ada/")
    opened = files.open(*parts(files.link(file.key, base_url="https://avatar.test/")))
    assert (opened.size, opened.media_type) == (len(PNG), "image/png")
    assert b"".join(opened.read(3, 50)) == PNG[3:50]


@pytest.mark.parametrize(
    ("name", "suffix", "media_type"),
    [
        ("PORTRAIT.JPG", ".jpg", "image/jpeg"),
        ("../../evil.html", "", "application/octet-stream"),
        ("x.svg", "", "application/octet-stream"),
        ("speech.m4a", ".m4a", "audio/mp4"),
        ("", "", "application/octet-stream"),
        ("no-suffix", "", "application/octet-stream"),
    ],
)
def test_only_known_suffixes_of_a_name_are_kept(name, suffix, media_type, files: FileService, tmp_path):
    file = stored(files, tmp_path, name)
    assert file.media_type == media_type
    last = file.key.rpartition("/")[2]
    assert last[32:] == suffix
    assert int(last[:32], 16)


@pytest.mark.parametrize("content", [b"", b"<!doctype html><html>", b"MZ" + bytes(300), b"just text", b"<svg xmlns='x'/>"])
def test_what_is_no_medium_is_not_kept(content, files: FileService, house: House, tmp_path):
    with pytest.raises(WrongMediaType):
        stored(files, tmp_path, "portrait.png", content)
    assert house.storage.list("uploads") == []


def test_a_link_ends_and_cannot_be_bent(files: FileService, house: House, tmp_path):
    key, expires, signature = parts(files.link(stored(files, tmp_path).key, base_url="http://localhost"))
    other = stored(files, tmp_path).key
    with pytest.raises(NotAllowed):
        files.open(other, expires, signature)
    with pytest.raises(NotAllowed):
        files.open(key, str(int(expires) + 1), signature)
    house.clock.forward(101)
    with pytest.raises(NotAllowed, match="expired"):
        files.open(key, expires, signature)


def test_a_file_that_is_gone(files: FileService, house: House, tmp_path):
    file = stored(files, tmp_path)
    link = parts(files.link(file.key, base_url=""))
    house.storage.delete(file.key)
    with pytest.raises(ObjectNotFound):
        files.open(*link)


def test_readers_are_sent_to_the_storage_where_it_signs_addresses(house: House, tmp_path):
    asked = []

    def presign(key, seconds):
        asked.append((key, seconds))
        return f"https://bucket.test/{key}?signature=1"

    files = FileService(house.storage, house.signer, link_seconds=7200, presign=presign, clock=house.clock)
    file = stored(files, tmp_path)
    link = parts(files.link(file.key, base_url="https://avatar.test"))
    opened = files.open(*link)
    assert opened.elsewhere == f"https://bucket.test/{file.key}?signature=1"
    house.clock.forward(7000)
    files.open(*link)
    (first_key, first), (second_key, second) = asked
    assert first_key == second_key == file.key
    assert first == 3600
    assert second == pytest.approx(200, abs=1), "the address at the storage outlives the link"
    house.clock.forward(300)
    with pytest.raises(NotAllowed):
        files.open(*link)
    assert len(asked) == 2
