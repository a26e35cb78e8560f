"""Headers of requests: ids and keys."""

import pytest

from spark_avatar.api.auth import key_in
from spark_avatar.api.request_ids import choose_request_id
from spark_avatar.errors import NotAuthenticated


@pytest.mark.parametrize("sent", ["a", "01J8-x_y.z:7/8", "~" * 128])
def test_a_sane_id_is_kept(sent: str) -> None:
    assert choose_request_id(sent) == sent


@pytest.mark.parametrize("sent", [None, "", "a" * 129, "a b", "a\nb", "a\r\nSet-Cookie: x", "é", "\x00", "a\n"])
def test_another_is_replaced_by_a_random_one(sent: str | None) -> None:
    first, second = choose_request_id(sent), choose_request_id(sent)
    assert first != second
    assert first.isalnum()
    assert len(first) == 32


@pytest.mark.parametrize("header", ["Bearer k", "bearer k", "BEARER   k  ", "Key k", " key k"])
def test_the_key_is_found(header: str) -> None:
    assert key_in(header) == "k"


@pytest.mark.parametrize("header", ["", " ", "k", "Bearer", "Basic k", "Bearerk"])
def test_a_header_without_a_key_says_how_to_send_one(header: str) -> None:
    with pytest.raises(NotAuthenticated, match="Authorization: Bearer API_KEY"):
        key_in(header)
