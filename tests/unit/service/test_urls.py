"""The short way of checking an address, which must be of one mind with the long one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.errors import InvalidOptions
from spark_avatar.service.urls import check_url, parse_url


class Faults:
    def invalid(self, reason):
        return InvalidOptions(reason)


def opinion(check, url):
    try:
        check(url, Faults())
    except InvalidOptions as refusal:
        return refusal.message
    return "good"


letters = st.text("abx019-._~/?=&@:%# []A\\é", max_size=12)
hosts = st.lists(st.text("abx019-A", max_size=5), min_size=1, max_size=4).map(".".join)


@given(st.sampled_from(["http", "https", "HTTP", "ftp"]), hosts, letters)
def test_both_ways_think_alike(scheme, host, rest):
    url = f"{scheme}://{host}{rest}"
    assert opinion(check_url, url) == opinion(parse_url, url)


@pytest.mark.parametrize(
    "url", ["https://example.org/a.jpg", "https://cdn.example-1.org/a/b_c.wav?v=1&w=~2", "http://xn--e1afmkfd.org"]
)
def test_usual_addresses_are_good(url):
    assert opinion(check_url, url) == "good"
    assert parse_url(url, Faults()).port is None


@pytest.mark.parametrize(
    "url", ["http://2130706433", "http://0x7f.1", "http://127.1", "https://a:b@example.org", "https://a b.org"]
)
def test_addresses_that_can_be_read_in_two_ways_are_refused(url):
    assert opinion(check_url, url) == opinion(parse_url, url) != "good"
