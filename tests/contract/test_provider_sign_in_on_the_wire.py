"""Signing in by OpenID Connect, against a real provider on the loopback."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from contract_house import House, call
from fastapi import FastAPI
from joserfc.jwk import RSAKey
from openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, new_key, openid_provider

from spark_avatar.accounts.openid_connect import OpenIdConnect
from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.users import User
from spark_avatar.service.provider_sign_in import ProviderSignIn

START, CALLBACK = "/api/v1/oidc/start", "/api/v1/oidc/callback"
_numbers = itertools.count()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the loopback has no TLS
    with openid_provider() as running:
        running.person.email = f"guest-{next(_numbers)}@elsewhere.example"
        yield running


@pytest.fixture
def app(house: House, provider: Provider) -> FastAPI:
    accounts = house.ports.accounts
    connect = OpenIdConnect(provider.url, CLIENT_ID, CLIENT_SECRET, name="Elsewhere")
    sign_in = ProviderSignIn(connect, accounts.members.users, accounts.members.invitations, accounts.sign_in)
    return house.app(accounts=replace(accounts, provider=sign_in))


@dataclass
class Trip:
    """What one browser saw."""

    out: httpx.Response
    back: httpx.Response
    session: httpx.Response


def travel(app: FastAPI, *, forget: bool = False, change: dict[str, str] | None = None) -> Trip:
    """Out to the provider and back; on the way the browser may lose its cookies, or the address may be changed."""

    async def go() -> Trip:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as browser:
            out = await browser.get(START)
            at_provider = await asyncio.to_thread(httpx.get, out.headers["location"])
            assert at_provider.status_code == 302, at_provider.text
            if forget:
                browser.cookies.clear()
            query = {name: values[0] for name, values in parse_qs(urlsplit(at_provider.headers["location"]).query).items()}
            back = await browser.get(CALLBACK, params=query | (change or {}))
            return Trip(out, back, await browser.get("/api/v1/session"))

    return asyncio.run(go())


def add_user(house: House, provider: Provider) -> str:
    users = house.ports.accounts.members.users
    account = f"elsewhere-{next(_numbers)}"
    return users.add(provider.person.email, "Anna", None, account=account, role=Role.OWNER).user.id


def refused(trip: Trip, problem: str) -> None:
    assert (trip.back.status_code, trip.back.headers["location"]) == (303, f"/sign-in?problem={problem}")
    assert "spark_session" not in trip.back.headers.get("set-cookie", "")
    assert trip.session.status_code == 401


def test_a_user_comes_back_with_a_session(app: FastAPI, house: House, provider: Provider) -> None:
    user_id = add_user(house, provider)
    provider.person.email = provider.person.email.upper()
    trip = travel(app)
    assert trip.out.status_code == 303
    assert (trip.back.status_code, trip.back.headers["location"]) == (303, "/")
    assert trip.session.json()["user"]["id"] == user_id
    assert trip.back.headers["cache-control"] == "no-store"


def test_the_way_out_carries_what_protects_the_way_back(app: FastAPI, house: House, provider: Provider) -> None:
    trip = travel(app)
    query = parse_qs(urlsplit(trip.out.headers["location"]).query)
    assert query["redirect_uri"] == ["http://test" + CALLBACK]
    assert (query["code_challenge_method"], query["response_type"]) == (["S256"], ["code"])
    cookie = trip.out.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", "max-age=600"))
    state, nonce, verifier = trip.out.cookies["spark_oidc"].split(".")
    assert ([state], [nonce]) == (query["state"], query["nonce"])
    assert verifier not in trip.out.headers["location"]
    assert CLIENT_SECRET not in trip.out.headers["location"]


def test_an_invited_person_becomes_a_member(app: FastAPI, house: House, provider: Provider) -> None:
    store, account = house.ports.accounts.members.invitations, f"elsewhere-{next(_numbers)}"
    soon = datetime.now(UTC) + timedelta(hours=1)
    store.create(account, provider.person.email, Role.ADMIN, invited_by=None, expires_at=soon)
    me = travel(app).session.json()
    assert (me["account"]["id"], me["role"], me["user"]["name"]) == (account, "admin", "Anna from elsewhere")
    assert store.open(account) == []
    assert travel(app).session.json()["user"] == me["user"]


@pytest.mark.parametrize("invited_anew", [False, True])
def test_two_first_sign_ins_of_one_person_at_once_are_both_good(
    invited_anew: bool, app: FastAPI, house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, users = invite(house, provider), house.ports.accounts.members.users
    find, others = users.find, []

    def find_too_early(email: str) -> tuple[User, str | None] | None:
        """There is nobody yet; and before the invitations are used, the other sign-in uses them."""
        found = find(email)
        if not others:
            others.append(None)
            others[0] = travel(app)
            if invited_anew:
                invite(house, provider)
        return found

    with monkeypatch.context() as during:
        during.setattr(type(users), "find", lambda _self, email: find_too_early(email))
        trip = travel(app)
    both = [each.session.json() for each in (trip, others[0])]
    assert both[0]["user"] == both[1]["user"]
    assert {each["account"]["id"] for each in both} >= {account}


def invite(house: House, provider: Provider, *, role: Role = Role.MEMBER) -> str:
    account, soon = f"elsewhere-{next(_numbers)}", datetime.now(UTC) + timedelta(hours=1)
    store = house.ports.accounts.members.invitations
    store.create(account, provider.person.email, role, invited_by=None, expires_at=soon)
    return account


def test_all_invitations_of_an_address_are_accepted_and_noted(app: FastAPI, house: House, provider: Provider) -> None:
    members, audit = house.ports.accounts.members, house.ports.accounts.audit
    accounts = [invite(house, provider, role=role) for role in (Role.ADMIN, Role.MEMBER)]
    me = travel(app).session.json()
    assert me["account"]["id"] == accounts[-1], "the newest"
    accounts.append(invite(house, provider, role=Role.OWNER))
    assert travel(app).session.json()["account"]["id"] == accounts[-1], "a user joins further workspaces"
    roles = {member.account_id: member.role for member in members.users.workspaces(me["user"]["id"])}
    assert roles == dict(zip(accounts, (Role.ADMIN, Role.MEMBER, Role.OWNER), strict=True))
    for account in accounts:
        assert members.invitations.open(account) == []
        (event,) = [event for event in audit.page(account, limit=10) if event.action == "member.joined"]
        assert event.actor == event.subject == f"user:{me['user']['id']}"
        assert event.details["role"] == roles[account]
        assert event.details["invitation"]
    travel(app)
    assert len(audit.page(accounts[0], limit=10)) == 1, "who is a member joins no second time"


def test_a_stranger_is_not_let_in(app: FastAPI, house: House, provider: Provider) -> None:
    refused(travel(app), "forbidden")
    assert house.ports.accounts.members.users.find(provider.person.email) is None


def test_a_disabled_user_is_not_let_in(app: FastAPI, house: House, provider: Provider) -> None:
    user_id = add_user(house, provider)
    users = house.ports.accounts.members.users
    account = users.workspaces(user_id)[0].account_id
    users.add(f"other-{user_id}@elsewhere.example", "Other", None, account=account, role=Role.OWNER)
    users.set_disabled(user_id, True)
    refused(travel(app), "forbidden")


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_is_not_verified_proves_nothing(app: FastAPI, house: House, provider: Provider, verified: Any) -> None:
    add_user(house, provider)
    provider.person.email_verified = verified
    refused(travel(app), "unauthorized")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": ["another client"]},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": int(time.time()) - 3600},
        {"iat": int(time.time()) + 3600},
        {"at_hash": "wrong"},
    ],
)
def test_an_id_token_that_is_not_for_us_now_is_refused(
    app: FastAPI, house: House, provider: Provider, claims: dict[str, Any]
) -> None:
    add_user(house, provider)
    provider.claims = claims
    refused(travel(app), "unauthorized")


def test_an_id_token_of_another_key_is_refused(app: FastAPI, house: House, provider: Provider) -> None:
    add_user(house, provider)
    provider.published = [provider.key]
    provider.key = new_key("first")
    refused(travel(app), "unauthorized")


def test_a_new_key_of_the_provider_is_learnt_of_another_kind_too(app: FastAPI, house: House, provider: Provider) -> None:
    add_user(house, provider)
    assert travel(app).session.status_code == 200
    provider.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
    assert travel(app).session.status_code == 200


@pytest.mark.parametrize("change", [{"state": "x" * 43}, {"state": ""}, {"code": "another"}])
def test_a_way_back_that_was_tampered_with_leads_nowhere(
    app: FastAPI, house: House, provider: Provider, change: dict[str, str]
) -> None:
    add_user(house, provider)
    problem = "unauthorized" if "state" in change else "provider_failed"
    refused(travel(app, change=change), problem)


def test_who_turns_back_at_the_provider_has_not_signed_in(app: FastAPI, house: House, provider: Provider) -> None:
    add_user(house, provider)
    before = provider.token_requests
    refused(travel(app, change={"code": "", "error": "access_denied"}), "unauthorized")
    assert provider.token_requests == before, "there is nothing to redeem"


def test_another_browser_cannot_take_the_way_back(app: FastAPI, house: House, provider: Provider) -> None:
    add_user(house, provider)
    before = provider.token_requests
    refused(travel(app, forget=True), "unauthorized")
    assert provider.token_requests == before, "the code is not even redeemed"


def test_a_provider_that_fails_is_said_so(app: FastAPI, provider: Provider) -> None:
    provider.broken = True

    async def begin() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as browser:
            return await browser.get(START)

    answer = asyncio.run(begin())
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_failed")


UNKNOWN_KEYS = [
    {"kty": "EC", "crv": "brainpoolP256r1", "x": "AA", "y": "AA", "kid": "odd"},
    {"kty": "OKP", "crv": "X9", "x": "AA"},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
    {"kty": ["EC"]},
    {"kty": "RSA", "n": "!", "e": ""},
    {},
    "no key",
]


def test_a_key_of_an_unknown_kind_is_passed_over(app: FastAPI, house: House, provider: Provider) -> None:
    add_user(house, provider)
    known = provider.key.as_dict(private=False)
    provider.documents["/keys"] = {"keys": [*UNKNOWN_KEYS, known]}
    assert travel(app).session.status_code == 200


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/keys", {}),
        ("/keys", {"keys": None}),
        ("/keys", {"keys": []}),
        ("/keys", {"keys": UNKNOWN_KEYS}),
        ("/keys", []),
        ("/token", []),
        ("/.well-known/openid-configuration", {"issuer": "https://other.example"}),
        ("/.well-known/openid-configuration", {}),
    ],
)
def test_a_provider_whose_answers_cannot_be_used_is_asked_again(
    app: FastAPI, house: House, provider: Provider, path: str, document: Any
) -> None:
    add_user(house, provider)
    provider.documents[path] = document
    if "openid" in path:
        answer = call(app, "GET", START, "")
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_failed")
    else:
        refused(travel(app), "provider_failed")
    provider.documents.clear()
    assert travel(app).session.status_code == 200, "what failed is not kept"


@pytest.mark.parametrize("token", ["", "x.y.z", "a.b", 5, None, {"a": 1}])
def test_an_id_token_that_is_none_is_refused(app: FastAPI, house: House, provider: Provider, token: Any) -> None:
    add_user(house, provider)
    provider.documents["/token"] = {"id_token": token, "access_token": "t"}
    refused(travel(app), "unauthorized")


def test_the_secret_goes_in_the_form_where_the_provider_takes_it_only_there(
    app: FastAPI, house: House, provider: Provider
) -> None:
    add_user(house, provider)
    provider.method = "client_secret_post"
    provider.described = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    assert travel(app).session.status_code == 200


@pytest.mark.parametrize("methods", [["client_secret_post", "client_secret_basic"], ["none"], None, "client_secret_post"])
def test_the_secret_goes_in_the_header_otherwise(app: FastAPI, house: House, provider: Provider, methods: Any) -> None:
    add_user(house, provider)
    provider.described = {"token_endpoint_auth_methods_supported": methods}
    assert travel(app).session.status_code == 200


def test_a_wrong_secret_is_told_in_the_log(
    app: FastAPI, house: House, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    add_user(house, provider)
    provider.secret = "another"
    refused(travel(app), "provider_failed")
    (record,) = [record for record in caplog.records if record.name.endswith("openid_connect")]
    assert (vars(record)["status"], vars(record)["error"]) == (401, "invalid_client")
    assert not any(CLIENT_SECRET in str(value) for value in vars(record).values())


def test_without_a_provider_there_is_no_way(stranger: httpx.Client, app: FastAPI) -> None:
    assert stranger.get(START).status_code == 404
    assert stranger.get(CALLBACK).status_code == 404
    assert stranger.get("/api/v1/session/ways").json() == {"provider": None}

    async def ways() -> dict[str, Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as browser:
            return (await browser.get("/api/v1/session/ways")).json()

    assert asyncio.run(ways()) == {"provider": {"name": "Elsewhere", "url": START}}
