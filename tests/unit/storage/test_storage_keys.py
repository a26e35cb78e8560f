import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.errors import ObjectNotFound
from spark_avatar.schemas.identity import AccountId, TaskId
from spark_avatar.storage import keys
from spark_avatar.storage.keys import account_prefixes, output_key, parse_key, task_prefix, upload_key

ANNA = AccountId("anna")
HOSTILE = ["", ".", "..", "../x", "a/b", "/a", "a\\b", "..\\x", "a b", "a%2fb", "a\x00", "a\n", "ä", ".hidden", "a#1", "a" * 129]


def test_files_lie_under_their_account():
    assert upload_key(ANNA, "f1", ".jpg") == "uploads/anna/f1.jpg"
    assert upload_key(ANNA, "f1", "") == "uploads/anna/f1"
    assert output_key(ANNA, TaskId("t1"), 2) == "outputs/anna/t1/2.mp4"


def test_a_tasks_prefix_finds_its_outputs_and_no_other_tasks():
    prefix = task_prefix(ANNA, TaskId("t1"))
    assert output_key(ANNA, TaskId("t1"), 7).startswith(prefix)
    assert not output_key(ANNA, TaskId("t12"), 7).startswith(prefix)


def test_an_accounts_prefixes_find_every_kind_of_file():
    kinds = [line.split("/")[0] for line in (keys.__doc__ or "").splitlines() if "{account}" in line]
    assert kinds
    assert {f"{kind}/anna/" for kind in kinds} == set(account_prefixes(ANNA))


@pytest.mark.parametrize("part", HOSTILE)
def test_no_part_leaves_its_place(part):
    with pytest.raises(ValueError, match="not a part"):
        upload_key(AccountId(part), "f", ".jpg")
    with pytest.raises(ValueError, match="not a part"):
        output_key(ANNA, TaskId(part), 1)
    if part:  # an empty file name with a suffix is hidden, with none it is no part
        with pytest.raises(ValueError, match="not a part"):
            upload_key(ANNA, part + "/", ".jpg")


@pytest.mark.parametrize("suffix", ["jpg", ".", ".JPG", "./x", ".a/b", ".tar.gz", ".toolongsuffix", ".a\n"])
def test_a_suffix_is_a_short_one(suffix):
    with pytest.raises(ValueError, match="not a suffix"):
        upload_key(ANNA, "f", suffix)


@pytest.mark.parametrize("key", ["uploads/anna/f1.jpg", "outputs/anna/t-1_x/2.mp4"])
def test_our_own_keys_are_read(key):
    assert parse_key(key) == key


@pytest.mark.parametrize("key", [*HOSTILE[:4], "/a", "a//b", "a/", "a/../b", "a/./b", "a\\..\\b", "a/" * 8 + "b", "a/b#1"])
def test_other_keys_are_not_found(key):
    with pytest.raises(ObjectNotFound):
        parse_key(key)


@given(st.text(max_size=40))
def test_a_key_that_is_read_stays_below_its_root(text):
    try:
        key = parse_key(text)
    except ObjectNotFound:
        return
    assert key == text
    assert not {"", ".", ".."} & set(key.split("/"))
    assert key.isascii()
    assert key.isprintable()
    assert "\\" not in key
