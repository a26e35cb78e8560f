"""Rate limits, as a caller meets them."""

import httpx
from contract_house import House, call
from fastapi import FastAPI
from strict_client import decode_error

from spark_avatar.api.rate_limits import RateLimits

LIST = "/model/v1/generation/tasks"


def limited(house: House, *, per_key: str = "", per_address: str = "") -> FastAPI:
    return house.app(rates=RateLimits.of(per_key=per_key, per_address=per_address, store_url=None))


def refused(response: httpx.Response) -> None:
    assert response.status_code == 429
    assert decode_error(response)["code"] == "rate_limited"
    assert response.headers["ratelimit-remaining"] == "0"
    assert 0 < int(response.headers["retry-after"]) <= 3600


def test_a_key_has_its_limit_and_others_theirs(house: House, key: str) -> None:
    app = limited(house, per_key="2/hour")
    answers = [call(app, "GET", LIST, key) for _ in range(2)]
    assert [(a.status_code, a.headers["ratelimit-limit"], a.headers["ratelimit-remaining"]) for a in answers] == [
        (200, "2", "1"),
        (200, "2", "0"),
    ]
    refused(call(app, "GET", LIST, key))
    refused(call(app, "POST", "/model/v1/generation", key, json={}))
    other = house.keys.create("other", account="rate-other")[1]
    assert call(app, "GET", LIST, other).status_code == 200


def test_an_address_is_limited_whatever_keys_it_tries(house: House, key: str) -> None:
    app = limited(house, per_address="3/hour", per_key="100/hour")
    guesses = [call(app, "GET", LIST, f"sk-spark-guess{number}") for number in range(3)]
    assert [guess.status_code for guess in guesses] == [401] * 3
    refused(call(app, "GET", LIST, key))
    assert call(app, "GET", "/healthz", key).status_code == 200, "probes are not limited"


def test_without_limits_there_are_no_headers(house: House, key: str) -> None:
    assert "ratelimit-limit" not in call(limited(house), "GET", LIST, key).headers
