"""Logging in from a terminal, over HTTP: what the program and the page see."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import anyio
import httpx
import pytest
from contract_house import House
from device_client import DeviceClient
from fastapi import FastAPI
from strict_client import decode_error

from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sessions import csrf_token
from spark_avatar.api.rate_limits import RateLimits
from spark_avatar.service.clock import utc_now

_numbers = itertools.count()
CODE, TOKEN, ME, APPROVAL = "/api/v1/cli/device/code", "/api/v1/cli/token", "/api/v1/auth/me", "/api/v1/device/approval"


@dataclass
class MovableClock:
    """The time of day, moved by a test."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> Any:
        return utc_now() + self.ahead


@dataclass
class Site:
    """One server with a clock of its own, that lets programs ask as often as they like."""

    app: FastAPI
    clock: MovableClock
    house: House

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test") as client:
                return await client.request(method, path, headers=headers, **options)

        return anyio.run(send)

    def begin(self, device: DeviceClient, client_id: str = "spark-cli") -> dict[str, Any]:
        answer = self.call("POST", CODE, json=device.begin(client_id))
        assert answer.status_code == 200, answer.text
        begun = answer.json()["data"]
        device.device_code = begun["device_code"]
        return begun

    def ask(self, device: DeviceClient, **options: Any) -> dict[str, Any]:
        answer = self.call("POST", TOKEN, json=device.question(**options))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def person(self, role: Role = Role.OWNER, account: str | None = None) -> dict[str, str]:
        """The headers of a browser in which somebody has signed in."""
        accounts = self.house.ports.accounts
        account = account or f"login-{next(_numbers)}"
        email = f"login-{next(_numbers)}@example.org"
        user = accounts.members.users.add(email, "Ada", None, account=account, role=role).user
        _, secret = accounts.sign_in.sessions.open(user.id, account, address="", user_agent="")
        return {"Cookie": f"spark_session={secret}", "X-CSRF-Token": csrf_token(secret)}

    def approve(self, begun: dict[str, Any], browser: dict[str, str], *, approve: bool = True) -> httpx.Response:
        return self.call("POST", APPROVAL, browser, json={"code": begun["user_code"], "approve": approve})

    def log_in(self, browser: dict[str, str] | None = None) -> dict[str, Any]:
        device = DeviceClient()
        begun = self.begin(device)
        assert self.approve(begun, browser or self.person()).status_code == 200
        return self.ask(device)


@pytest.fixture
def make_site(house: House) -> Callable[..., Site]:
    def make(interval: timedelta = timedelta(milliseconds=500)) -> Site:
        clock, accounts = MovableClock(), house.ports.accounts
        logins = replace(accounts.device_logins, clock=clock, interval=interval)
        tokens = type(logins.tokens)(logins.tokens._engine, clock=clock)
        logins = replace(logins, tokens=tokens)
        bearers = replace(accounts.bearers, tokens=tokens)
        ports = replace(accounts, device_logins=logins, bearers=bearers)
        return Site(house.app(accounts=ports, authenticate=bearers.authenticate, rates=RateLimits()), clock, house)

    return make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def refused(answer: httpx.Response, status: int, code: str) -> httpx.Response:
    assert (answer.status_code, decode_error(answer)["code"]) == (status, code), answer.text
    return answer


def test_a_login_begins_as_the_contract_says(site: Site) -> None:
    begun = site.begin(DeviceClient())
    assert {name: type(value) for name, value in begun.items()} == {
        "device_code": str,
        "user_code": str,
        "verification_uri": str,
        "expires_in": int,
        "interval": int,
    }
    assert begun["verification_uri"] == "http://test/device"
    assert (begun["expires_in"], begun["interval"]) == (600, 1)


def test_it_waits_until_somebody_approves_and_gives_everything_once(site: Site) -> None:
    device, browser = DeviceClient(), site.person()
    begun = site.begin(device, "laptop of Ada")
    assert site.ask(device) == {"status": "pending"}
    shown = site.call("GET", APPROVAL, browser, params={"code": begun["user_code"].lower()}).json()["data"]
    assert (shown["client_id"], shown["state"], shown["code"]) == ("laptop of Ada", "pending", begun["user_code"])
    assert site.approve(begun, browser).json()["data"]["state"] == "approved"
    granted = site.ask(device)
    assert granted["status"] == "authorized"
    assert {name: granted[name][:9] for name in ("access_token", "refresh_token", "api_key")} == {
        "access_token": "at-spark-",
        "refresh_token": "rt-spark-",
        "api_key": "sk-spark-",
    }
    assert site.ask(device) == {"status": "expired"}, "it is shown this once"
    assert site.call("GET", "/model/v1/generation/tasks", bearer(granted["api_key"])).status_code == 200
    names = [key.name for key in site.house.keys.list(shown["account"])]
    assert names == ["laptop of Ada"]


def test_me_is_the_user_who_approved(site: Site) -> None:
    account = f"login-{next(_numbers)}"
    granted = site.log_in(site.person(Role.ADMIN, account))
    user = site.call("GET", ME, bearer(granted["access_token"])).json()["data"]["user"]
    assert user.keys() == {"id", "email", "account", "name", "role"}
    assert (user["account"], user["name"], user["role"]) == (account, "Ada", "admin")
    refused(site.call("GET", ME, bearer(granted["api_key"])), 403, "forbidden")
    refused(site.call("GET", ME, bearer(granted["refresh_token"])), 401, "unauthorized")


def test_an_access_token_opens_what_the_role_opens(site: Site) -> None:
    member, owner = site.log_in(site.person(Role.MEMBER)), site.log_in(site.person(Role.OWNER))
    for granted, status in ((member, 403), (owner, 200)):
        assert site.call("GET", "/model/v1/generation/tasks", bearer(granted["access_token"])).status_code == 200
        assert site.call("GET", "/api/v1/webhooks", bearer(granted["access_token"])).status_code == status


def test_denied_is_over(site: Site) -> None:
    device, browser = DeviceClient(), site.person()
    begun = site.begin(device)
    assert site.approve(begun, browser, approve=False).json()["data"]["state"] == "denied"
    assert site.ask(device) == {"status": "expired"}
    refused(site.approve(begun, browser), 404, "unknown_code")


def test_it_expires(site: Site) -> None:
    device, browser = DeviceClient(), site.person()
    begun = site.begin(device)
    site.clock.ahead = timedelta(seconds=601)
    assert site.ask(device, off=601) == {"status": "expired"}
    refused(site.approve(begun, browser), 404, "unknown_code")


def test_a_device_that_nobody_knows_has_expired(site: Site) -> None:
    device = DeviceClient(device_code="x" * 43)
    assert site.ask(device) == {"status": "expired"}


@pytest.mark.parametrize("off", [-400, 400])
def test_a_clock_that_is_off_is_refused(site: Site, off: int) -> None:
    device = DeviceClient()
    site.begin(device)
    refused(site.call("POST", TOKEN, json=device.question(off=off)), 401, "invalid_proof")


def test_a_proof_counts_once(site: Site) -> None:
    device = DeviceClient()
    site.begin(device)
    question = device.question()
    assert site.call("POST", TOKEN, json=question).json()["data"] == {"status": "pending"}
    refused(site.call("POST", TOKEN, json=question), 401, "invalid_proof")
    assert site.ask(device) == {"status": "pending"}


def test_whoever_saw_the_codes_but_has_not_the_key_gets_nothing(site: Site) -> None:
    device, browser = DeviceClient(), site.person()
    site.approve(site.begin(device), browser)
    thief = DeviceClient(device_code=device.device_code)
    refused(site.call("POST", TOKEN, json=thief.question()), 401, "invalid_proof")
    assert site.ask(device)["status"] == "authorized"


def test_asking_too_often_is_a_429_that_costs_nothing(make_site: Callable[..., Site]) -> None:
    site, device = make_site(interval=timedelta(minutes=1)), DeviceClient()
    assert site.begin(device)["interval"] == 60
    assert site.ask(device) == {"status": "pending"}
    question = device.question(off=61)
    early = refused(site.call("POST", TOKEN, json=question), 429, "slow_down")
    assert int(early.headers["retry-after"]) > 0
    site.clock.ahead = timedelta(seconds=61)
    assert site.call("POST", TOKEN, json=question).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"proof": ""},
        {"proof": 7},
        {"nonce": None},
        {"timestamp": "soon"},
        {"timestamp": -1},
        {"timestamp": 1e300},
        {"device_code": "\0"},
        {"device_code": ["x"]},
    ],
)
def test_a_question_that_cannot_be_read_is_refused(site: Site, change: dict[str, Any]) -> None:
    device = DeviceClient()
    site.begin(device)
    answer = site.call("POST", TOKEN, json=device.question() | change)
    assert answer.status_code in (400, 401)
    decode_error(answer)


@pytest.mark.parametrize("body", [{}, {"client_id": "x"}, {"client_id": "x", "client_public_key": "short"}, [], "x"])
def test_a_beginning_that_cannot_be_read_is_a_400(site: Site, body: Any) -> None:
    refused(site.call("POST", CODE, json=body), 400, "invalid_request")


def test_the_time_may_be_a_number(site: Site) -> None:
    device = DeviceClient()
    site.begin(device)
    question: dict[str, Any] = device.question()
    question["timestamp"] = int(question["timestamp"])
    assert site.call("POST", TOKEN, json=question).status_code == 200


def test_refreshing_and_stealing(site: Site) -> None:
    granted = site.log_in()

    def refresh(token: str) -> httpx.Response:
        return site.call("POST", TOKEN + "/refresh", json={"refresh_token": token})

    second = refresh(granted["refresh_token"]).json()["data"]
    assert second.keys() == {"access_token", "refresh_token", "expires_in"}
    assert site.call("GET", ME, bearer(second["access_token"])).status_code == 200
    refused(refresh(granted["refresh_token"]), 401, "unauthorized")
    refused(site.call("GET", ME, bearer(second["access_token"])), 401, "unauthorized")
    refused(refresh(second["refresh_token"]), 401, "unauthorized")
    assert site.call("GET", "/model/v1/generation/tasks", bearer(granted["api_key"])).status_code == 200, "keys are kept apart"


def test_tokens_expire(site: Site) -> None:
    granted = site.log_in()
    site.clock.ahead = timedelta(minutes=61)
    refused(site.call("GET", ME, bearer(granted["access_token"])), 401, "unauthorized")
    fresh = site.call("POST", TOKEN + "/refresh", json={"refresh_token": granted["refresh_token"]}).json()["data"]
    assert site.call("GET", ME, bearer(fresh["access_token"])).status_code == 200
    site.clock.ahead = timedelta(days=31, minutes=62)
    late = site.call("POST", TOKEN + "/refresh", json={"refresh_token": fresh["refresh_token"]})
    refused(late, 401, "unauthorized")


def test_logging_out(site: Site) -> None:
    granted = site.log_in()
    for token in (granted["refresh_token"], "rt-spark-" + "a" * 43, "\0"):
        assert site.call("POST", TOKEN + "/revoke", json={"token": token}).json()["data"] == {"revoked": True}
    refused(site.call("GET", ME, bearer(granted["access_token"])), 401, "unauthorized")


def test_only_somebody_in_a_browser_lets_programs_in(site: Site) -> None:
    granted, device = site.log_in(), DeviceClient()
    begun = site.begin(device)
    for secret in (granted["api_key"], granted["access_token"]):
        body = {"code": begun["user_code"], "approve": True}
        refused(site.call("POST", APPROVAL, bearer(secret), json=body), 403, "forbidden")
        refused(site.call("GET", APPROVAL, bearer(secret), params={"code": begun["user_code"]}), 403, "forbidden")
    forged = {"Cookie": site.person()["Cookie"]}
    refused(site.approve(begun, forged), 403, "forbidden")
    assert site.ask(device) == {"status": "pending"}


def test_guessing_codes_is_limited(site: Site) -> None:
    browser, begun = site.person(), site.begin(DeviceClient())
    answers = [site.call("GET", APPROVAL, browser, params={"code": "XXXX-XXXX"}).status_code for _ in range(20)]
    assert answers == [404] * 20
    refused(site.approve(begun, browser), 429, "rate_limited")
    assert site.approve(begun, site.person()).status_code == 200, "others are not held up"


def test_who_has_left_since_gets_nothing(site: Site) -> None:
    device, account = DeviceClient(), f"login-{next(_numbers)}"
    site.person(Role.OWNER, account)
    site.approve(site.begin(device), site.person(Role.MEMBER, account))
    users = site.house.ports.accounts.members.users
    users.remove(account, next(member.user.id for member in users.members(account) if member.role is Role.MEMBER))
    assert site.ask(device) == {"status": "expired"}
    assert site.house.keys.list(account) == []


def test_what_happened_stands_in_the_audit_log_without_secrets(site: Site) -> None:
    account = f"login-{next(_numbers)}"
    granted = site.log_in(site.person(Role.OWNER, account))
    events = site.house.ports.accounts.audit.page(account, limit=10)
    assert {"device_login.approved", "key.created"} <= {event.action for event in events}
    assert not any(granted[name][9:] in repr(events) for name in ("access_token", "refresh_token", "api_key"))


def test_an_address_begins_so_many_logins_and_no_more(site: Site) -> None:
    statuses = [site.call("POST", CODE, json=DeviceClient().begin()).status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]
