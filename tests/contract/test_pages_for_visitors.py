"""Who sees which pages of the console."""

import re

import httpx
import pytest
from contract_house import House

from spark_avatar.accounts.roles import Role

PAGES = ("/", "/tasks", "/tasks/none", "/usage", "/models", "/keys", "/webhooks", "/members", "/settings", "/device")
EVIL = "<script>alert(1)</script>"


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
