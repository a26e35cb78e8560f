import base64
from datetime import timedelta

import pytest
from service_house import House

from spark_avatar.errors import AudioTooLong, AudioUnreadable, ImageTooManyBytes, ImageUnreadable, ImageUrlInvalid
from spark_avatar.schemas.identity import AccountId
from spark_avatar.storage.keys import upload_key

CONTENT = bytes(range(256)) * 20


def own_link(house: House, content: bytes, name: str = "file") -> str:
    source = house.folder / "source"
    source.write_bytes(content)
    key = upload_key(AccountId("ada"), name, ".png")
    house.storage.put(key, source)
    return "http://10.1.2.3:8000" + house.signer.sign(key, expires_at=house.clock() + timedelta(hours=1))


def test_our_own_links_are_read_from_storage_whatever_host_they_name(house: House, tmp_path):
    target = house.fetcher.fetch(own_link(house, CONTENT), "image", tmp_path / "image")
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(("kind", "size", "error"), [("image", 100_001, ImageTooManyBytes), ("audio", 500_001, AudioTooLong)])
def test_limits_hold_for_our_own_files(kind, size, error, house: House, tmp_path):
    with pytest.raises(error):
        house.fetcher.fetch(own_link(house, bytes(size)), kind, tmp_path / "file")


def test_an_upload_that_is_gone(house: House, tmp_path):
    url = own_link(house, CONTENT)
    for stored in house.storage.list("uploads"):
        house.storage.delete(stored.key)
    with pytest.raises(ImageUrlInvalid, match="upload it again"):
        house.fetcher.fetch(url, "image", tmp_path / "image")


def test_a_link_counts_as_it_did_when_it_was_given(house: House, tmp_path):
    url, given_at = own_link(house, CONTENT), house.clock()
    house.clock.forward(48 * 3600)
    with pytest.raises(ImageUrlInvalid, match="expired: upload the file again"):
        house.fetcher.fetch(url, "image", tmp_path / "image")
    assert house.fetcher.fetch(url, "image", tmp_path / "image", given_at=given_at).read_bytes() == CONTENT


def test_a_forged_link_is_an_ordinary_address(house: House, tmp_path):
    url = own_link(house, CONTENT)
    with pytest.raises(ImageUrlInvalid, match="not a public address"):
        house.fetcher.fetch(url[:-2] + "xx", "image", tmp_path / "image")


def test_data_urls_need_no_network(house: House, tmp_path):
    url = "data:text/html;base64," + base64.b64encode(CONTENT).decode()
    assert house.fetcher.fetch(url, "image", tmp_path / "image").read_bytes() == CONTENT


@pytest.mark.parametrize(("kind", "error"), [("image", ImageUnreadable), ("audio", AudioUnreadable)])
def test_an_empty_input_has_its_kinds_code(kind, error, house: House, tmp_path):
    with pytest.raises(error, match="empty"):
        house.fetcher.fetch(own_link(house, b""), kind, tmp_path / "file")
    with pytest.raises(error, match="empty"):
        house.fetcher.fetch("data:,", kind, tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_a_checkpoint_ends_the_copy_and_leaves_nothing(house: House, tmp_path):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        house.fetcher.fetch(own_link(house, CONTENT), "image", tmp_path / "image", checkpoint=stop)
    assert not (tmp_path / "image").exists()
