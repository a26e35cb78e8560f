"""Who sees which pages of the console."""

import re

import httpx
import pytest
from contract_house import House

from spark_avatar.accounts.roles import Role

PAGES = ("/", "/tasks", "/tasks/none", "/usage", "/models", "/keys", "/webhooks", "/members", "/settings", "/device")
EVIL = "<script>alert(1)</script>"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def cookie(house: House, name: str, *, operator: bool) -> dict[str, str]:
    """Of a new session of a new admin."""
    accounts = house.ports.accounts
    users = accounts.members.users
    user = users.add(f"{name}@example.org", EVIL, None, account="visitors", role=Role.ADMIN, operator=operator).user
    _, secret = accounts.sign_in.sessions.open(user.id, "visitors", address="", user_agent="")
    return {"Cookie": f"spark_session={secret}"}


@pytest.mark.parametrize("operator", [False, True])
def test_admins_see_their_pages_and_operators_the_system(operator: bool, house: House, stranger: httpx.Client) -> None:
    headers = cookie(house, f"visitor-{operator}", operator=operator)
    for path in PAGES:
        page = stranger.get(path, headers=headers)
        assert page.status_code == 200, path
        assert EVIL not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
        assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page.text), "nothing inline"
        assert page.headers["cache-control"] == "no-store"
        assert ('href="/system"' in page.text) == operator
    assert stranger.get("/system", headers=headers).status_code == (200 if operator else 404)


def test_the_theme_of_the_cookie_is_one_of_ours(house: House, stranger: httpx.Client) -> None:
    session = cookie(house, "visitor-theme", operator=False)["Cookie"]
    dark = stranger.get("/tasks", headers={"Cookie": f"{session}; spark_theme=dark"})
    assert '<html lang="en" data-theme="dark">' in dark.text
    odd = stranger.get("/tasks", headers={"Cookie": f'{session}; spark_theme="><b>'})
    assert '<html lang="en">' in odd.text


@pytest.mark.parametrize("path", ["/nothing", "/nothing/at/all", "/api/v1/nothing"])
def test_people_get_a_page_where_there_is_nothing(path: str, stranger: httpx.Client) -> None:
    page = stranger.get(path, headers={"Accept": BROWSER})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert 'href="/"' in page.text


def test_a_page_that_is_not_for_a_visitor_looks_like_none(house: House, stranger: httpx.Client) -> None:
    session = cookie(house, "visitor-curious", operator=False)
    hidden, missing = (stranger.get(path, headers=session | {"Accept": BROWSER}) for path in ("/system", "/nothing"))
    assert (hidden.status_code, hidden.text) == (404, missing.text)


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "application/json, text/html", "application/problem+json"])
def test_programs_get_json_where_there_is_nothing(accept: str, stranger: httpx.Client) -> None:
    answer = stranger.get("/nothing", headers={"Accept": accept})
    assert answer.status_code == 404
    assert "json" in answer.headers["content-type"]
    assert "nothing at this address" in answer.text


def test_a_program_that_sends_something_gets_json(stranger: httpx.Client) -> None:
    answer = stranger.post("/nothing", headers={"Accept": BROWSER})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1/files/outputs/a/b/1.mp4?expires=1&signature=x", "/v1/files/no"])
def test_people_get_a_page_for_a_link_that_does_not_work(path: str, stranger: httpx.Client) -> None:
    told = stranger.get(path)
    page = stranger.get(path, headers={"Accept": BROWSER})
    assert page.status_code == told.status_code in (403, 404)
    assert told.json()["message"]
    assert page.headers["content-type"].startswith("text/html")
    assert "new one" in page.text


def test_who_is_signed_in_is_led_on(house: House, stranger: httpx.Client) -> None:
    assert stranger.get("/sign-in").status_code == 200
    led = stranger.get("/sign-in", headers=cookie(house, "visitor-back", operator=False), follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, "/")
