"""Management of API keys, as an admin meets it."""

import itertools
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from contract_house import House
from strict_client import decode_error

from spark_avatar.accounts.keys import KeyTerms
from spark_avatar.accounts.roles import Scope
from spark_avatar.database.engine import writing
from spark_avatar.database.schema import key_spending

KEYS = "/api/v1/keys"
CREATE = "/model/v1/generation"
MODEL = "spark_avatar_picture_omni_v2"
FLAT = {"model": MODEL, "image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}
_accounts = itertools.count()


@pytest.fixture
def account() -> str:
    return f"keys-{next(_accounts)}"


@pytest.fixture
def admin(server: str, house: House, account: str) -> Iterator[httpx.Client]:
    """Manages a workspace of its own, by a key that may do nothing else."""
    _, secret = house.keys.create("admin", account=account, terms=KeyTerms(scopes=frozenset({Scope.ADMIN})))
    with httpx.Client(base_url=server, timeout=30, headers={"Authorization": f"Bearer {secret}"}) as client:
        yield client


def made(admin: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = admin.post(KEYS, json={"name": "laptop"} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def create_with(stranger: httpx.Client, secret: str, **body: Any) -> httpx.Response:
    return stranger.post(CREATE, json=FLAT | body, headers={"Authorization": f"Bearer {secret}"})


def soon(**length: float) -> int:
    return int((datetime.now(UTC) + timedelta(**length)).timestamp())


def test_a_secret_is_shown_once_and_works(admin: httpx.Client, stranger: httpx.Client, house: House) -> None:
    key = made(admin, name="  build   server ")
    assert re.fullmatch(r"sk-spark-[A-Za-z0-9]{43}", key["secret"])
    assert key["secret"].startswith(key["prefix"])
    assert (key["name"], key["state"], key["scopes"]) == ("build server", "active", ["generate", "read"])
    assert (key["models"], key["rate_limit"], key["monthly_budget"], key["spent_this_month"]) == (None, None, None, "0")
    task = create_with(stranger, key["secret"]).json()
    assert house.store.get(task["id"]).key_id == key["id"]
    shown = admin.get(f"{KEYS}/{key['id']}")
    assert key["secret"] not in shown.text + admin.get(KEYS).text
    assert shown.json()["last_used_address"] == "127.0.0.1"
    assert abs(shown.json()["last_used_at"] - time.time()) < 60
    assert shown.headers["cache-control"] == "no-store"


def test_all_terms_come_back_as_they_were_given(admin: httpx.Client) -> None:
    terms = {
        "scopes": ["admin", "read"],
        "expires_at": soon(days=30),
        "models": [MODEL],
        "rate_limit": "100/minute",
        "monthly_budget": "12.500001",
    }
    key = made(admin, **terms)
    assert {name: key[name] for name in terms} == terms
    assert admin.get(f"{KEYS}/{key['id']}").json() == {name: value for name, value in key.items() if name != "secret"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "bell\x07"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"expires_at": 1}, "expires_at"),
        ({"expires_at": 10**18}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"models": ["no_such_model"]}, "no_such_model"),
        ({"models": []}, "models"),
        ({"rate_limit": "often"}, "rate_limit"),
        ({"rate_limit": "0/minute"}, "rate_limit"),
        ({"rate_limit": "100/minute;5/second"}, "rate_limit"),
        ({"rate_limit": "1/99999999999999 years"}, "rate_limit"),
        ({"monthly_budget": "-1"}, "monthly_budget"),
        ({"monthly_budget": "1e5"}, "monthly_budget"),
        ({"monthly_budget": "0.0000001"}, "monthly_budget"),
        ({"monthly_budget": "NaN"}, "monthly_budget"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_terms_that_cannot_be_are_a_400(admin: httpx.Client, body: dict[str, Any], says: str) -> None:
    answer = admin.post(KEYS, json={"name": "laptop"} | body)
    assert answer.status_code == 400, answer.text
    assert says in decode_error(answer)["message"]
    assert len(admin.get(KEYS).json()["keys"]) == 1


def test_a_revoked_key_is_refused_by_the_next_request(admin: httpx.Client, stranger: httpx.Client) -> None:
    key, other = made(admin), made(admin)
    assert create_with(stranger, key["secret"]).status_code == 200
    revoked = admin.delete(f"{KEYS}/{key['id']}").json()
    assert revoked["state"] == "revoked"
    assert revoked["revoked_at"] is not None
    assert create_with(stranger, key["secret"]).status_code == 401
    assert create_with(stranger, other["secret"]).status_code == 200, "a key of the same name is another key"
    assert admin.delete(f"{KEYS}/{key['id']}").json() == revoked
    assert admin.patch(f"{KEYS}/{key['id']}", json={"name": "again"}).status_code == 404


def test_an_expired_key_is_refused(admin: httpx.Client, stranger: httpx.Client, house: House, account: str) -> None:
    past = KeyTerms(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    key, secret = house.keys.create("old", account=account, terms=past)
    assert create_with(stranger, secret).status_code == 401
    assert admin.get(f"{KEYS}/{key.id}").json()["state"] == "expired"
    assert admin.patch(f"{KEYS}/{key.id}", json={"name": "still old"}).json()["state"] == "expired"
    assert admin.patch(f"{KEYS}/{key.id}", json={"expires_at": soon(hours=1)}).json()["state"] == "active"
    assert create_with(stranger, secret).status_code == 200


def test_a_rotated_key_works_beside_the_new_one_until_the_grace_is_over(admin: httpx.Client, stranger: httpx.Client) -> None:
    old = made(admin, rate_limit="1000/minute", monthly_budget="5")
    new = admin.post(f"{KEYS}/{old['id']}/rotate", json={"grace_seconds": 3600}).json()
    assert new["secret"] != old["secret"]
    assert (new["name"], new["rate_limit"], new["monthly_budget"]) == ("laptop", "1000/minute", "5.000000")
    assert new["expires_at"] is None
    shown = admin.get(f"{KEYS}/{old['id']}").json()
    assert shown["rotated_to"] == new["id"]
    assert abs(shown["expires_at"] - soon(hours=1)) < 60
    assert {create_with(stranger, key["secret"]).status_code for key in (old, new)} == {200}
    assert admin.post(f"{KEYS}/{old['id']}/rotate", json={}).status_code == 404, "it was rotated before"
    newest = admin.post(f"{KEYS}/{new['id']}/rotate", json={"grace_seconds": 0}).json()
    assert create_with(stranger, new["secret"]).status_code == 401
    assert create_with(stranger, newest["secret"]).status_code == 200
    assert admin.post(f"{KEYS}/{newest['id']}/rotate", json={"grace_seconds": -1}).status_code == 400
    assert admin.post(f"{KEYS}/{newest['id']}/rotate", json={"grace_seconds": 10**12}).status_code == 400


def test_a_grace_does_not_prolong_a_key(admin: httpx.Client) -> None:
    end = soon(minutes=5)
    old = made(admin, expires_at=end)
    new = admin.post(f"{KEYS}/{old['id']}/rotate", json={"grace_seconds": 3600}).json()
    assert (new["expires_at"], admin.get(f"{KEYS}/{old['id']}").json()["expires_at"]) == (end, end)


def test_changes_count_at_once_and_null_takes_a_limit_away(admin: httpx.Client, stranger: httpx.Client) -> None:
    key = made(admin, models=[MODEL], rate_limit="5/hour")
    address = f"{KEYS}/{key['id']}"
    changed = admin.patch(address, json={"name": "reader", "scopes": ["read"], "rate_limit": None}).json()
    assert (changed["name"], changed["scopes"], changed["rate_limit"], changed["models"]) == ("reader", ["read"], None, [MODEL])
    assert create_with(stranger, key["secret"]).status_code == 403
    assert admin.patch(address, json={}).json() == admin.get(address).json()
    for faulty in ({"name": None}, {"scopes": None}, {"rate_limit": "x"}, {"monthly_budget": 7}):
        assert admin.patch(address, json=faulty).status_code == 400


def test_a_key_uses_the_models_that_it_may(admin: httpx.Client, stranger: httpx.Client, house: House, account: str) -> None:
    assert create_with(stranger, made(admin, models=[MODEL])["secret"]).status_code == 200
    _, elsewhere = house.keys.create("n", account=account, terms=KeyTerms(models=frozenset({"another_model"})))
    answer = create_with(stranger, elsewhere)
    assert answer.status_code == 403
    assert MODEL in decode_error(answer)["message"]
    queue = stranger.post(f"/model/v1/queue/{MODEL}", json=FLAT, headers={"Authorization": f"Key {elsewhere}"})
    assert queue.status_code == 403


def test_a_key_has_its_own_rate(admin: httpx.Client, stranger: httpx.Client) -> None:
    key, other = made(admin, rate_limit="2/hour"), made(admin, rate_limit="2/hour")
    answers = [create_with(stranger, key["secret"]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-limit"] == "2"
    assert create_with(stranger, other["secret"]).status_code == 200


def test_what_was_spent_this_month_is_told(admin: httpx.Client, house: House) -> None:
    key = made(admin)
    month = f"{datetime.now(UTC):%Y-%m}"
    with writing(house.keys._engine) as connection:
        for name, spent in ((month, Decimal("1.25")), ("2020-01", Decimal(9))):
            row = {"key_id": key["id"], "month": name, "spent": spent, "held": Decimal(0)}
            connection.execute(key_spending.insert(), row)
    assert Decimal(admin.get(f"{KEYS}/{key['id']}").json()["spent_this_month"]) == Decimal("1.25")


def test_the_log_tells_who_did_what_and_no_secret(admin: httpx.Client, stranger: httpx.Client) -> None:
    key = made(admin)
    new = admin.post(f"{KEYS}/{key['id']}/rotate", json={"grace_seconds": 0}).json()
    admin.patch(f"{KEYS}/{new['id']}", json={"scopes": ["read"]})
    admin.delete(f"{KEYS}/{new['id']}", headers={"X-Request-Id": "the-end"})
    create_with(stranger, new["secret"])
    create_with(stranger, new["secret"])
    page = admin.get("/api/v1/audit").json()
    events = page["events"]
    assert [event["action"] for event in events] == ["key.refused", "key.revoked", "key.changed", "key.rotated", "key.created"]
    assert (page["has_more"], page["next"]) == (False, None)
    refused, revoked, changed, rotated, created = events
    assert {event["actor"] for event in events[1:]} == {created["actor"]}
    assert created["actor"].startswith("key:")
    assert created["subject"] == f"key:{key['id']}"
    assert created["address"] == "127.0.0.1"
    assert rotated["details"] == {"replaces": key["id"], "grace_seconds": 0.0}
    assert changed["details"] == {"changed": ["scopes"]}
    assert revoked["request_id"] == "the-end"
    assert (refused["actor"], refused["details"]) == ("anonymous", {"reason": "revoked"})
    text = admin.get("/api/v1/audit").text
    assert key["secret"] not in text
    assert new["secret"] not in text


def test_the_log_is_read_page_by_page(admin: httpx.Client) -> None:
    names = [made(admin, name=f"key {number}")["name"] for number in range(5)]
    seen, after = [], ""
    for _ in range(3):
        page = admin.get("/api/v1/audit", params={"limit": 2, "after": after}).json()
        seen += [event["details"]["name"] for event in page["events"]]
        after = page["next"]
    assert (page["has_more"], after) == (False, None)
    assert seen == names[::-1]
    assert admin.get("/api/v1/audit?after=nonsense").status_code == 400
