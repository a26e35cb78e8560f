"""Signing in by an identity provider, in a real browser, against a real server and a real provider on the loopback."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from browser.management_house import EMAIL, PASSWORD, needs_chromium, new_page, open_browser
from openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, openid_provider
from playwright.sync_api import Browser, expect

from acceptance.conftest import Server

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the loopback has no TLS
        with openid_provider() as running:
            yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    names = {"ISSUER": provider.url, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "NAME": "<b>Elsewhere</b>"}
    settings = {f"SPARK_AVATAR_OIDC_{name}": value for name, value in names.items()}
    folder = tmp_path_factory.mktemp("elsewhere") / "data"
    command = [sys.executable, "-m", "spark_avatar", "users", "create", EMAIL, "--name", "Anna", "--data-dir", str(folder)]
    subprocess.run(command, input=PASSWORD, text=True, check=True, capture_output=True)
    running = Server(folder, workers=0, **settings).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def test_one_click_there_and_back(server: Server, provider: Provider, browser: Browser) -> None:
    provider.person.email = EMAIL
    page = new_page(browser)
    page.goto(f"{server.url}/sign-in")
    page.get_by_role("link", name="Sign in with <b>Elsewhere</b>").click()
    page.wait_for_url(f"{server.url}/")
    assert page.evaluate("fetch('/api/v1/session').then(answer => answer.json())")["user"]["email"] == EMAIL
    assert page.evaluate("document.cookie") == "", "no cookie is within reach of scripts"
    assert page.faults == []


def test_a_stranger_is_told_what_to_do(server: Server, provider: Provider, browser: Browser) -> None:
    provider.person.email = "stranger@example.org"
    page = new_page(browser)
    page.goto(f"{server.url}/sign-in")
    page.get_by_role("link", name="Elsewhere").click()
    page.wait_for_url(f"{server.url}/sign-in?problem=forbidden")
    expect(page.get_by_role("alert")).to_contain_text("invitation")
    assert page.faults == []


def test_only_known_problems_are_told(server: Server, browser: Browser) -> None:
    page = new_page(browser)
    page.goto(f"{server.url}/sign-in?problem=%3Cimg%20src=x%20onerror=alert(1)%3E")
    expect(page.get_by_role("alert")).to_have_text("The sign-in failed: begin it again.")
    assert page.faults == []
