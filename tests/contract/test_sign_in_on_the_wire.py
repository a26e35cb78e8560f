"""Signing in with a browser: cookies, tokens against forgery, sign-out; and how somebody becomes a member."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from contract_house import House, call
from fastapi import FastAPI
from strict_client import decode_error

from spark_avatar.accounts.bearer_secrets import SESSION_MARK
from spark_avatar.accounts.roles import Role
from spark_avatar.errors import NotAuthenticated
from spark_avatar.schemas.identity import AccountId

SESSION = "/api/v1/session"
CREATE = "/model/v1/generation"
FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}
PASSWORD = "long enough 1"
_numbers = itertools.count()


@dataclass
class Person:
    email: str
    account: str
    user_id: str


@dataclass
class Browser:
    """A cookie jar, and the token that a page would have."""

    http: httpx.Client
    token: str = ""

    def sign_in(self, email: str, password: str = PASSWORD, **options) -> httpx.Response:
        answer = self.http.post(SESSION, json={"email": email, "password": password}, **options)
        if answer.status_code == 200:
            self.token = answer.json()["csrf_token"]
        return answer

    def send(self, method: str, path: str, **options) -> httpx.Response:
        return self.http.request(method, path, headers={"X-CSRF-Token": self.token}, **options)


def person(house: House, role: Role = Role.OWNER, account: str | None = None) -> Person:
    number = next(_numbers)
    account = account or f"studio-{number}"
    email = f"anna-{number}@example.org"
    hashed = house.ports.accounts.sign_in.passwords.hash(PASSWORD)
    member = house.ports.accounts.members.users.add(email, "Anna", hashed, account=account, role=role)
    return Person(email, account, member.user.id)


@pytest.fixture
def anna(house: House) -> Person:
    return person(house)


@pytest.fixture
def browsers(server: str) -> Iterator[list[Browser]]:
    with httpx.Client(base_url=server, timeout=30) as one, httpx.Client(base_url=server, timeout=30) as two:
        yield [Browser(one), Browser(two)]


@pytest.fixture
def browser(browsers: list[Browser]) -> Browser:
    return browsers[0]


def test_a_session_does_what_a_key_does(browser: Browser, anna: Person, house: House) -> None:
    answer = browser.sign_in(anna.email.upper())
    assert answer.status_code == 200
    me = answer.json()
    assert me["user"] == {"id": anna.user_id, "email": anna.email, "name": "Anna"}
    assert (me["account"]["id"], me["role"], me["scopes"]) == (anna.account, "owner", ["admin", "generate", "read"])
    assert browser.http.get(SESSION).json() == me
    task = browser.send("POST", CREATE, json=FLAT).json()
    assert browser.http.get(f"{CREATE}/task/{task['id']}").status_code == 200
    stored = house.store.get(task["id"])
    assert (stored.account_id, stored.key_id) == (anna.account, f"session:{anna.user_id}")


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(browser: Browser, anna: Person) -> None:
    cookie = browser.sign_in(anna.email).headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "spark_session"
    assert rest.startswith(SESSION_MARK)
    attributes = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert "secure" not in attributes, "this server is reached without TLS"
    assert any(part.startswith("max-age=1209600") for part in attributes)


@pytest.mark.parametrize(
    "wrong", [{"password": "wrong password"}, {"email": "nobody@example.org"}, {"password": ""}, {"email": "'; --"}]
)
def test_a_refused_sign_in_does_not_tell_what_was_wrong(browser: Browser, anna: Person, wrong: dict[str, str]) -> None:
    answer = browser.http.post(SESSION, json={"email": anna.email, "password": PASSWORD} | wrong)
    assert answer.status_code == 401
    assert decode_error(answer)["message"] == "The e-mail address or the password is wrong."
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'{"email": 7, "password": "secret word"}', "email"),
        (b'{"email": "a@b", "password": "secret word", "more": 1}', "more"),
        (b'{"email": "a@b", "password": ["secret word"]}', "password"),
    ],
)
def test_a_malformed_sign_in_is_a_400_that_repeats_no_secret(browser: Browser, body: bytes, says: str) -> None:
    answer = browser.http.post(SESSION, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert says in decode_error(answer)["message"]
    assert "secret word" not in answer.text


def test_a_form_of_another_site_cannot_sign_a_user_in(browser: Browser, anna: Person) -> None:
    right = {"email": anna.email, "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert browser.http.post(SESSION, json=right, headers=headers).status_code == 403
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = browser.http.post(
            SESSION, content=httpx.Request("POST", "http://x", json=right).content, headers={"Content-Type": content_type}
        )
        assert answer.status_code == 400
    own = {"Origin": str(browser.http.base_url).rstrip("/")}
    assert browser.http.post(SESSION, json=right, headers=own).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x" * 43},
        {"X-CSRF-Token": "TOKEN", "Sec-Fetch-Site": "cross-site"},
        {"X-CSRF-Token": "TOKEN", "Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": "TOKEN", "Origin": "https://evil.example"},
    ],
)
def test_a_change_by_cookie_must_come_from_our_own_page(browser: Browser, anna: Person, headers: dict[str, str]) -> None:
    browser.sign_in(anna.email)
    sent = {name: value.replace("TOKEN", browser.token) for name, value in headers.items()}
    answer = browser.http.post(CREATE, json=FLAT, headers=sent)
    assert answer.status_code == 403
    assert decode_error(answer)["code"] == "forbidden"
    assert browser.http.get(f"{CREATE}/tasks").json()["tasks"] == []
    good = {"X-CSRF-Token": browser.token, "Sec-Fetch-Site": "same-origin"}
    assert browser.http.post(CREATE, json=FLAT, headers=good).status_code == 200


def test_the_token_of_another_session_is_worth_nothing(browsers: list[Browser], anna: Person, house: House) -> None:
    mine, other = browsers
    mine.sign_in(anna.email)
    other.sign_in(person(house).email)
    answer = mine.http.post(CREATE, json=FLAT, headers={"X-CSRF-Token": other.token})
    assert answer.status_code == 403


def test_a_key_beside_a_cookie_needs_no_token(browser: Browser, anna: Person, key: str) -> None:
    browser.sign_in(anna.email)
    headers = {"Authorization": f"Bearer {key}"}
    assert browser.http.post(CREATE, json=FLAT, headers=headers).status_code == 200
    wrong = {"Authorization": "Bearer sk-spark-" + "a" * 43}
    assert browser.http.get(f"{CREATE}/tasks", headers=wrong).status_code == 401, "a wrong key is not mended by a session"


def test_a_session_that_was_planted_does_not_become_the_users(browsers: list[Browser], anna: Person) -> None:
    attacker, victim = browsers
    planted = SESSION_MARK + "A" * 43
    victim.http.cookies.set("spark_session", planted, domain="127.0.0.1")
    victim.sign_in(anna.email)
    held = {cookie.value for cookie in victim.http.cookies.jar if cookie.name == "spark_session"}
    assert any(value != planted for value in held)
    attacker.http.cookies.set("spark_session", planted)
    assert attacker.http.get(SESSION).status_code == 401


def test_signing_in_again_ends_the_session_before(browser: Browser, anna: Person, server: str) -> None:
    browser.sign_in(anna.email)
    before = browser.http.cookies["spark_session"]
    browser.sign_in(anna.email)
    assert browser.http.cookies["spark_session"] != before
    assert httpx.get(server + SESSION, headers={"Cookie": f"spark_session={before}"}).status_code == 401


def test_signing_out_ends_the_session_on_the_server(browser: Browser, anna: Person, server: str) -> None:
    browser.sign_in(anna.email)
    secret = browser.http.cookies["spark_session"]
    answer = browser.send("DELETE", SESSION)
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert httpx.get(server + SESSION, headers={"Cookie": f"spark_session={secret}"}).status_code == 401


def test_signing_out_everywhere(browsers: list[Browser], anna: Person) -> None:
    one, two = browsers
    one.sign_in(anna.email)
    two.sign_in(anna.email)
    listed = one.http.get("/api/v1/sessions").json()["sessions"]
    assert [session["current"] for session in listed] == [False, True]
    assert one.send("DELETE", "/api/v1/sessions").status_code == 204
    assert two.http.get(SESSION).status_code == 401


def test_signing_out_everywhere_and_a_new_password_end_logins_from_terminals(
    browser: Browser, anna: Person, house: House, stranger: httpx.Client
) -> None:
    tokens = house.ports.accounts.sign_in.tokens
    new = {"current_password": PASSWORD, "new_password": "another one 2"}
    browser.sign_in(anna.email)
    for end in (
        lambda: browser.send("PUT", "/api/v1/user/password", json=new),
        lambda: browser.send("DELETE", "/api/v1/sessions"),
    ):
        pair = tokens.issue(user_id=anna.user_id, account_id=AccountId(anna.account))
        me = {"Authorization": f"Bearer {pair.access_token}"}
        assert stranger.get("/api/v1/auth/me", headers=me).status_code == 200
        assert end().status_code == 204
        assert stranger.get("/api/v1/auth/me", headers=me).status_code == 401
        with pytest.raises(NotAuthenticated):
            tokens.refresh(pair.refresh_token)


def test_over_tls_the_cookie_is_bound_to_the_host(house: House, anna: Person) -> None:
    app = house.app(public_url="https://avatar.example.org")
    right = {"email": anna.email, "password": PASSWORD}
    answer = call(app, "POST", SESSION, "", json=right)
    cookie = answer.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    secret = rest.partition(";")[0]
    assert name == "__Host-spark_session"
    assert "; secure" in cookie.lower()
    assert "domain" not in cookie.lower()
    for planted, status in ((f"spark_session={secret}", 401), (f"__Host-spark_session={secret}", 200)):
        assert asyncio.run(look(app, planted)).status_code == status, "a name that a neighbour can set is not read"


async def look(app: FastAPI, cookie: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(SESSION, headers={"Cookie": cookie})


def test_one_session_can_end_another(browsers: list[Browser], anna: Person) -> None:
    one, two = browsers
    one.sign_in(anna.email)
    two.sign_in(anna.email)
    other = next(session for session in one.http.get("/api/v1/sessions").json()["sessions"] if not session["current"])
    assert one.send("DELETE", f"/api/v1/sessions/{other['id']}").status_code == 204
    assert two.http.get(SESSION).status_code == 401
    assert one.http.get(SESSION).status_code == 200


def test_a_new_password_ends_the_other_sessions(browsers: list[Browser], anna: Person) -> None:
    one, two = browsers
    one.sign_in(anna.email)
    two.sign_in(anna.email)
    change = "/api/v1/user/password"
    assert one.send("PUT", change, json={"current_password": "wrong", "new_password": "another one 2"}).status_code == 401
    short = one.send("PUT", change, json={"current_password": PASSWORD, "new_password": "short"})
    assert (short.status_code, decode_error(short)["code"]) == (400, "invalid_parameter")
    assert one.send("PUT", change, json={"current_password": PASSWORD, "new_password": "another one 2"}).status_code == 204
    assert one.http.get(SESSION).status_code == 200
    assert two.http.get(SESSION).status_code == 401
    assert two.sign_in(anna.email).status_code == 401
    assert two.sign_in(anna.email, "another one 2").status_code == 200


def test_guessing_a_password_gets_slow(browser: Browser, anna: Person) -> None:
    answers = [browser.sign_in(anna.email, f"guess number {number}") for number in range(7)]
    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    refused = answers[-1]
    assert refused.status_code == 429
    assert decode_error(refused)["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert browser.sign_in(anna.email).status_code == 429, "the right password has to wait too, or it would tell itself"


def test_an_api_key_has_no_session(http: httpx.Client) -> None:
    for method, path in (("GET", SESSION), ("DELETE", SESSION), ("GET", "/api/v1/sessions"), ("DELETE", "/api/v1/sessions")):
        assert http.request(method, path).status_code == 403


def test_an_invitation_makes_a_member_once(browsers: list[Browser], anna: Person) -> None:
    owner, guest = browsers
    owner.sign_in(anna.email)
    made = owner.send("POST", "/api/v1/invitations", json={"email": "Berta@Example.org", "role": "member"}).json()
    assert made["email"] == "berta@example.org"
    assert [known["id"] for known in owner.http.get("/api/v1/invitations").json()["invitations"]] == [made["id"]]
    code = made["url"].partition("/invitation?code=")[2]
    seen = guest.http.post("/api/v1/invitations/look", json={"code": code}).json()
    assert seen == {"email": "berta@example.org", "role": "member", "account": anna.account, "known_user": False}
    accept = "/api/v1/invitations/accept"
    body = {"code": code, "name": "Berta", "password": PASSWORD}
    assert guest.http.post(accept, json=body | {"email": "eve@example.org"}).status_code == 403
    assert guest.http.post(accept, json=body | {"password": "short"}).status_code == 400
    answer = guest.http.post(accept, json=body)
    assert answer.status_code == 200
    assert (answer.json()["role"], answer.json()["account"]["id"]) == ("member", anna.account)
    assert guest.http.get(SESSION).status_code == 200
    assert guest.http.post(accept, json=body).status_code == 404
    assert owner.http.get("/api/v1/invitations").json()["invitations"] == []
    assert [member["user"]["name"] for member in owner.http.get("/api/v1/members").json()["members"]] == ["Anna", "Berta"]
    again = owner.send("POST", "/api/v1/invitations", json={"email": "berta@example.org"})
    assert (again.status_code, decode_error(again)["code"]) == (409, "conflict")


def test_a_user_accepts_with_the_password_that_there_is(browsers: list[Browser], anna: Person, house: House) -> None:
    owner, guest = browsers
    berta = person(house)
    owner.sign_in(anna.email)
    url = owner.send("POST", "/api/v1/invitations", json={"email": berta.email, "role": "admin"}).json()["url"]
    body = {"code": url.partition("code=")[2], "password": "not the password"}
    assert guest.http.post("/api/v1/invitations/accept", json=body).status_code == 401
    joined = guest.http.post("/api/v1/invitations/accept", json=body | {"password": PASSWORD}).json()
    assert (joined["account"]["id"], joined["role"]) == (anna.account, "admin")
    assert {workspace["id"] for workspace in joined["workspaces"]} == {anna.account, berta.account}
    guest.token = joined["csrf_token"]
    moved = guest.send("PATCH", SESSION, json={"account": berta.account}).json()
    assert (moved["account"]["id"], moved["role"]) == (berta.account, "owner")
    assert guest.send("PATCH", SESSION, json={"account": "default"}).status_code == 403


def test_a_withdrawn_invitation_opens_nothing(browsers: list[Browser], anna: Person) -> None:
    owner, guest = browsers
    owner.sign_in(anna.email)
    made = owner.send("POST", "/api/v1/invitations", json={"email": "late@example.org"}).json()
    assert owner.send("DELETE", f"/api/v1/invitations/{made['id']}").status_code == 204
    assert owner.send("DELETE", f"/api/v1/invitations/{made['id']}").status_code == 404
    code = made["url"].partition("code=")[2]
    assert guest.http.post("/api/v1/invitations/look", json={"code": code}).status_code == 404


def test_members_come_and_go_and_an_owner_stays(browsers: list[Browser], anna: Person, house: House) -> None:
    owner, other = browsers
    berta = person(house, Role.ADMIN, account=anna.account)
    owner.sign_in(anna.email)
    other.sign_in(berta.email)
    own, theirs = f"/api/v1/members/{anna.user_id}", f"/api/v1/members/{berta.user_id}"
    assert other.send("PATCH", theirs, json={"role": "owner"}).status_code == 403, "nobody raises themselves"
    assert other.send("PATCH", own, json={"role": "member"}).status_code == 403, "an admin does not unmake an owner"
    assert other.send("DELETE", own).status_code == 403
    last = owner.send("PATCH", own, json={"role": "member"})
    assert (last.status_code, decode_error(last)["code"]) == (409, "conflict")
    assert owner.send("DELETE", own).status_code == 409
    assert owner.send("PATCH", theirs, json={"role": "king"}).status_code == 400
    assert owner.send("PATCH", theirs, json={"role": "member"}).json()["role"] == "member"
    assert other.send("POST", "/api/v1/invitations", json={"email": "x@example.org"}).status_code == 403, (
        "a member invites nobody"
    )
    assert owner.send("DELETE", theirs).status_code == 204
    assert other.http.get(SESSION).status_code == 401
