"""Every route that the server has, against every kind of caller. The routes are asked for, not listed: a new one is tested the
day it is added, and one that states no rule, or whose objects nobody here can make, fails.
"""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from contract_house import House, Worker
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry
from strict_client import StrictClient, decode_error

from spark_avatar.accounts.audit import OPERATOR
from spark_avatar.accounts.keys import KeyTerms
from spark_avatar.accounts.roles import Role, Scope
from spark_avatar.accounts.sessions import csrf_token
from spark_avatar.api.http import build_api
from spark_avatar.api.openapi import scopes_of
from spark_avatar.app.server import create_app
from spark_avatar.config import Settings
from spark_avatar.schemas.bodies import parse_generation
from spark_avatar.schemas.identity import AccountId

MODEL = "spark_avatar_picture_omni_v2"
FLAT = {"model": MODEL, "image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}
OPEN = {
    ("GET", "/openapi.json"),
    ("GET", "/api/v1/skill/models"),
    ("GET", "/api/v1/skill/models/{model_id}/spec"),
    ("GET", "/api/v1/skill/model-contracts/{model_id}"),
    ("GET", "/v1/files/{key:path}"),  # a signed link is its own key
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("HEAD", "/healthz"),
    ("HEAD", "/readyz"),
    ("HEAD", "/metrics"),
    ("GET", "/api/v1/session/ways"),
    ("GET", "/api/v1/oidc/start"),  # to the provider
    ("GET", "/api/v1/oidc/callback"),  # shows the provider's code instead
    ("POST", "/api/v1/session"),  # shows a password instead
    ("POST", "/api/v1/invitations/look"),  # shows a code instead
    ("POST", "/api/v1/invitations/accept"),
    ("POST", "/api/v1/cli/device/code"),  # begins a login
    ("POST", "/api/v1/cli/token"),  # shows a proof instead
    ("POST", "/api/v1/cli/token/refresh"),  # shows a refresh token instead
    ("POST", "/api/v1/cli/token/revoke"),
}
"""What needs neither key nor session, on purpose."""
FOR_OWNERS = {("GET", "/api/v1/account/export"), ("DELETE", "/api/v1/account")}
FOR_OPERATORS = {("GET", "/api/v1/system"), ("POST", "/api/v1/system/engines/check")}
"""What needs more than a scope: the role of an owner, or a user who runs the server."""
SAFE = {"GET", "HEAD"}
_numbers = itertools.count()

Call = tuple[str, str]


def routes_of(app) -> dict[Call, object]:
    """Every route by method and path; HEAD goes with its GET."""
    return {
        (method, context.path): context
        for context in iter_route_contexts(app.routes)
        for method in sorted(context.methods or {"MOUNT"})
        if not (method == "HEAD" and "GET" in context.methods) and (method, context.path) != ("HEAD", "/v1/files/{key:path}")
    }


ROUTES = routes_of(build_api(registry=CollectorRegistry()))
GUARDED = sorted(ROUTES.keys() - OPEN)
NEEDS = {call: scopes_of(ROUTES[call]) for call in GUARDED}
"""A route without a rule ends the test run here."""
BY_SCOPE = [call for call in GUARDED if NEEDS[call]]
BY_USER = [call for call in GUARDED if not NEEDS[call]]
OPERATORS_ONLY = "/api/v1/system"
"""No role in a workspace opens these."""
OWNERS_ONLY = {("GET", "/api/v1/account/export"), ("DELETE", "/api/v1/account")}
"""Of those for users: not for every role."""
CHANGES = [call for call in GUARDED if call[0] not in SAFE]


def make_task(house: House, account: str, _user: str) -> str:
    _, key = house.keys.create("maker", account=account)
    return house.ports.generation.submit(parse_generation(FLAT), caller=house.keys.authenticate(key)).id


def make_session(house: House, account: str, user: str) -> str:
    session, _ = house.ports.accounts.sign_in.sessions.open(user, account, address="", user_agent="")
    return session.id


def make_invitation(house: House, account: str, _user: str) -> str:
    soon = datetime.now(UTC) + timedelta(hours=1)
    email = f"guest-{next(_numbers)}@example.org"
    store = house.ports.accounts.members.invitations
    return store.create(account, email, Role.MEMBER, invited_by=None, expires_at=soon)[0].id


def make_endpoint(house: House, account: str, _user: str) -> str:
    url = "https://example.org/hook"
    create = house.ports.webhook_endpoints.create
    return create(AccountId(account), url, events=None, description="", actor=OPERATOR)[0].id


def make_delivery(house: House, account: str, user: str) -> str:
    return house.ports.webhook_endpoints.test(make_endpoint(house, account, user), AccountId(account)).id


OBJECTS: dict[str, Callable[[House, str, str], str]] = {
    "task_id": make_task,
    "request_id": make_task,
    "key_id": lambda house, account, _user: house.keys.create("an object", account=account)[0].id,
    "session_id": make_session,
    "user_id": lambda _house, _account, user: user,
    "invitation_id": make_invitation,
    "endpoint_id": make_endpoint,
    "delivery_id": make_delivery,
}
"""How to make what a path names."""
BODIES = {("PATCH", "/api/v1/members/{user_id}"): {"role": "member"}}
"""What a change must say to be understood, where that is more than nothing."""
NO_OBJECTS = {"model", "model_id"}
"""Parts of paths that name nothing of an account."""


def names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{") and part[1:-1] not in NO_OBJECTS]


def fill(path: str, ids: dict[str, str]) -> str:
    for name, value in ({"model": MODEL, "model_id": MODEL} | ids).items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, f"{path}: say in OBJECTS how to make what it names"
    return path


def nonsense(path: str) -> str:
    return fill(path, dict.fromkeys(names_in(path), "no-such-thing"))


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def user_in(house: House, account: str, role: Role, *, operator: bool = False) -> str:
    users, email = house.ports.accounts.members.users, f"user-{next(_numbers)}@example.org"
    return users.add(email, "Somebody", None, account=account, role=role, operator=operator).user.id


def cookie(house: House, account: str, role: Role, *, operator: bool = False) -> dict[str, str]:
    """The headers of a new session of a new user of this role."""
    user = user_in(house, account, role, operator=operator)
    _, secret = house.ports.accounts.sign_in.sessions.open(user, account, address="", user_agent="")
    return {"Cookie": f"spark_session={secret}", "X-CSRF-Token": csrf_token(secret)}


def account_name() -> str:
    return f"matrix-{next(_numbers)}"


def refused(answer: httpx.Response, status: int) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    error = decode_error(answer)
    assert error["code"] == {401: "unauthorized", 403: "forbidden"}[status]
    return error


def admitted(answer: httpx.Response) -> None:
    assert answer.status_code not in (401, 403), answer.text
    assert answer.status_code < 500 or answer.status_code == 504, answer.text


def test_the_matrix_has_something_to_test() -> None:
    assert set(ROUTES) >= OPEN
    assert len(BY_SCOPE) >= 20
    assert len(BY_USER) >= 7
    assert {scope for needed in NEEDS.values() for scope in needed} == set(Scope)


def test_what_changes_something_needs_more_than_reading() -> None:
    assert [call for call in CHANGES if NEEDS[call] == {Scope.READ}] == []


def test_the_whole_server_has_no_route_beside_these_but_pages(tmp_path) -> None:
    app = create_app(Settings(data_dir=tmp_path, workers=0))
    beside = routes_of(app).keys() - ROUTES.keys()
    assert [path for _, path in beside if path.startswith(("/api/", "/model/", "/v1/"))] == []
    assert {method for method, _ in beside} <= SAFE, "pages only show; what they change goes through the API"
    app.state.ports = None


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nobody_gets_in_without_a_live_key_or_session(method: str, path: str, stranger: httpx.Client, house: House) -> None:
    account = account_name()
    key, revoked = house.keys.create("to be revoked", account=account)
    house.keys.revoke(key.id)
    past = KeyTerms(scopes=frozenset(Scope), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    _, expired = house.keys.create("expired", account=account, terms=past)
    old, replaced = house.keys.create("rotated", account=account)
    house.keys.rotate(old.id, account, grace=timedelta(0))
    ended = cookie(house, account, Role.OWNER)
    (member,) = house.ports.accounts.members.users.members(account)
    house.ports.accounts.sign_in.sessions.end_all(member.user.id)
    for headers in (
        {},
        {"Authorization": ""},
        bearer(revoked),
        bearer(expired),
        bearer(replaced),
        {"Authorization": f"Key {revoked[:-1]}x"},
        bearer("sk-spark-" + "a" * 43),
        bearer("at-spark-" + "a" * 43),
        bearer("ss-spark-" + "a" * 43),
        {"Authorization": f"Basic {revoked}"},
        ended,
        {"Cookie": "spark_session=ss-spark-" + "a" * 43},
        {"Cookie": f"spark_session={revoked}"},
    ):
        answer = stranger.request(method, nonsense(path), headers=headers)
        refused(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), BY_SCOPE)
def test_a_key_needs_the_scope_and_no_other(method: str, path: str, stranger: httpx.Client, house: House) -> None:
    needed, account = NEEDS[method, path], account_name()
    _, without = house.keys.create("all but", account=account, terms=KeyTerms(scopes=frozenset(Scope) - needed))
    error = refused(stranger.request(method, nonsense(path), headers=bearer(without)), 403)
    assert all(scope in error["message"] for scope in needed)
    _, just = house.keys.create("just", account=account, terms=KeyTerms(scopes=needed))
    admitted(stranger.request(method, nonsense(path), headers=bearer(just)))


@pytest.mark.parametrize(("method", "path"), BY_USER)
def test_a_key_is_no_user(method: str, path: str, stranger: httpx.Client, house: House) -> None:
    _, key = house.keys.create("all", account=account_name(), terms=KeyTerms(scopes=frozenset(Scope)))
    if ROUTES[method, path].openapi_extra.get("requestBody") is None:
        refused(stranger.request(method, nonsense(path), params={"code": "BCDF-GHJK"}, headers=bearer(key)), 403)
    else:
        assert stranger.request(method, nonsense(path), json={}, headers=bearer(key)).status_code in (400, 403)


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_session_must_prove_that_its_own_page_asks(method: str, path: str, stranger: httpx.Client, house: House) -> None:
    headers = cookie(house, account_name(), Role.OWNER)
    without = {name: value for name, value in headers.items() if name != "X-CSRF-Token"}
    refused(stranger.request(method, nonsense(path), headers=without), 403)
    refused(stranger.request(method, nonsense(path), headers=headers | {"X-CSRF-Token": "x" * 43}), 403)
    refused(stranger.request(method, nonsense(path), headers=headers | {"Sec-Fetch-Site": "cross-site"}), 403)
    refused(stranger.request(method, nonsense(path), headers=headers | {"Origin": "https://evil.example"}), 403)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_role_opens_what_its_scopes_open(method: str, path: str, role: Role, stranger: httpx.Client, house: House) -> None:
    headers = cookie(house, account_name(), role)
    answer = stranger.request(method, nonsense(path), headers=headers)
    if path.startswith(OPERATORS_ONLY) or ((method, path) in OWNERS_ONLY and role is not Role.OWNER):
        refused(answer, 403)
    elif NEEDS[method, path] <= role.scopes:
        admitted(answer)
    else:
        assert role is Role.MEMBER
        refused(answer, 403)


@pytest.mark.parametrize(("method", "path"), [call for call in GUARDED if names_in(call[1])])
def test_what_belongs_to_another_account_looks_like_nothing(method: str, path: str, stranger: httpx.Client, house: House) -> None:
    mine = account_name()
    owner = user_in(house, mine, Role.OWNER)
    ids = {name: OBJECTS[name](house, mine, owner) for name in names_in(path)}
    headers = cookie(house, account_name(), Role.OWNER)
    body = BODIES.get((method, path), {}) if method in ("PATCH", "POST", "PUT") else None
    theirs = stranger.request(method, fill(path, ids), headers=headers, json=body)
    none = stranger.request(method, nonsense(path), headers=headers, json=body)
    assert theirs.status_code == none.status_code == 404
    assert theirs.json()["error"] == none.json()["error"]


@pytest.mark.parametrize(("method", "path"), [call for call in GUARDED if {"task_id", "request_id"} & set(names_in(call[1]))])
@pytest.mark.parametrize("state", ["waiting", "running", "completed"])
def test_another_accounts_task_looks_like_none_and_stays_as_it_is(
    state: str, method: str, path: str, client: StrictClient, stranger: httpx.Client, house: House, worker: Worker
) -> None:
    task_id = client.create(FLAT)["id"]
    if state != "waiting":
        task, claim = worker.start(task_id)
        if state == "completed":
            worker.complete(task, claim)
    before = house.store.get(task_id)
    _, other = house.keys.create("other", account="matrix-other")
    theirs = stranger.request(method, fill(path, dict.fromkeys(names_in(path), task_id)), headers=bearer(other))
    none = stranger.request(method, nonsense(path), headers=bearer(other))
    assert theirs.status_code == none.status_code == 404
    assert theirs.json()["error"] == none.json()["error"]
    assert house.store.get(task_id) == before
