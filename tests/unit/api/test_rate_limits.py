import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spark_avatar.api.rate_limits import Rate, RateLimits, network_of, refusal_headers
from spark_avatar.errors import ConfigurationError, QueueFull, RateLimited


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis server of these tests' own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not tested: it is not installed")
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(60)


@pytest.fixture(params=["memory", "redis"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "memory" else request.getfixturevalue("redis")


def test_so_many_requests_and_no_more(store_url: str | None, tmp_path: Path):
    rate = Rate("3/hour", f"test {tmp_path}", store_url=store_url)
    answers = [rate.spend("anna") for _ in range(5)]
    assert [within for within, _ in answers] == [True, True, True, False, False]
    assert [standing.remaining for _, standing in answers] == [2, 1, 0, 0, 0]
    assert all(3590 < standing.reset_seconds <= 3600 for _, standing in answers)
    assert rate.spend("otto")[0], "each name has its own count"


def test_a_new_window_begins_anew(store_url: str | None, tmp_path: Path):
    rate = Rate("1/second", f"window {tmp_path}", store_url=store_url)
    assert rate.spend("anna")[0]
    assert not rate.spend("anna")[0]
    time.sleep(1.1)
    assert rate.spend("anna")[0]


def test_threads_share_one_count(store_url: str | None, tmp_path: Path):
    rate = Rate("50/hour", f"threads {tmp_path}", store_url=store_url)
    with ThreadPoolExecutor(8) as threads:
        within = list(threads.map(lambda _: rate.spend("anna")[0], range(120)))
    assert sum(within) == 50


def test_servers_share_counts_in_redis(redis: str, tmp_path: Path):
    first, second = (Rate("2/hour", f"shared {tmp_path}", store_url=redis) for _ in range(2))
    assert [rate.spend("anna")[0] for rate in (first, second, first)] == [True, True, False]


def test_a_store_that_is_away_limits_nobody_and_is_not_waited_for():
    rate = Rate("1/hour", "away", store_url=f"redis://127.0.0.1:{free_port()}/0")
    began = time.monotonic()
    assert [rate.spend("anna") for _ in range(20)] == [(True, None)] * 20
    assert time.monotonic() - began < 2


def test_a_refusal_says_how_long_to_wait():
    rates = RateLimits.of(per_key="1/minute", per_address="", store_url=None)
    assert rates.admit_address("10.0.0.1") is None
    assert rates.admit_key("k").headers["RateLimit-Remaining"] == "0"
    with pytest.raises(RateLimited) as refused:
        rates.admit_key("k")
    headers = refusal_headers(refused.value)
    assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("1", "0")
    assert headers["Retry-After"] == headers["RateLimit-Reset"]
    assert 0 < int(headers["Retry-After"]) <= 60
    assert refusal_headers(QueueFull()) == {}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, network: str):
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("rule", "url"), [("often", None), ("10", None), ("-5/minute", None), ("10/minute", "memcached://x"), ("1/minute", "x")]
)
def test_rules_and_stores_that_cannot_be_used(rule: str, url: str | None):
    with pytest.raises(ConfigurationError):
        Rate(rule, "test", store_url=url)
