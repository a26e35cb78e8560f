from collections import Counter

from spark_avatar.accounts.bearer_secrets import KEY_MARK, SESSION_MARK, hash_of, is_secret, mark_of, new_secret, prefix_of


def test_a_secret_holds_256_bits_of_62_letters():
    letters = Counter("".join(new_secret(KEY_MARK).removeprefix(KEY_MARK) for _ in range(400)))
    assert 62 ** len(new_secret(KEY_MARK).removeprefix(KEY_MARK)) >= 2**256
    assert len(letters) == 62
    # 17,200 letters: each comes up 277 times on average, with a standard deviation of 17.
    assert all(277 - 6 * 17 < count < 277 + 6 * 17 for count in letters.values())


def test_the_hash_is_sha_256_of_the_whole_secret():
    assert hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_prefix_is_the_start():
    secret = new_secret(KEY_MARK)
    assert secret.startswith(prefix_of(secret))
    assert prefix_of(secret).startswith(KEY_MARK)
    assert len(prefix_of(secret)) == len(KEY_MARK) + 8


def test_only_what_has_the_form_of_a_secret_is_looked_up():
    secret = new_secret(KEY_MARK)
    assert is_secret(secret, KEY_MARK)
    wrong = ["", secret[:-1], secret + "x", secret + "\n", secret.replace("spark", "other"), secret[:-1] + "é"]
    assert not any(is_secret(text, KEY_MARK) for text in wrong)
    assert all(mark_of(text) is None for text in wrong)


def test_the_kinds_are_told_apart_by_their_marks():
    session = new_secret(SESSION_MARK)
    assert mark_of(session) == SESSION_MARK
    assert not is_secret(session, KEY_MARK)
