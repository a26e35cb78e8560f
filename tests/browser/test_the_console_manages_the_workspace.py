"""The console's pages of accounts, in a real browser against a real server."""

import base64
import hashlib
import os
import re
import time
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.management_house import (
    CHROMIUM,
    EMAIL,
    EVIL,
    PASSWORD,
    needs_chromium,
    new_page,
    open_browser,
    sign_in,
    welcome_link,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, expect

from acceptance.conftest import Server

pytestmark = needs_chromium
HIDDEN_BUTTONS = """[...document.querySelectorAll(".table-box button, .table-box select")].filter(button => {
  const [own, box] = [button, button.closest(".table-box")].map(element => element.getBoundingClientRect());
  return own.left < box.left || own.right > box.right;
}).map(button => button.outerHTML)"""
SECRET = re.compile("^sk-spark-[A-Za-z0-9]{43}$")


def test_ci_has_a_browser():
    assert CHROMIUM.exists() or "CI" not in os.environ


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("console") / "data", workers=0).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def owner(server: Server, browser: Browser) -> str:
    """Accepts the link of the first start; the server's address."""
    page = new_page(browser)
    page.goto(welcome_link(server.log))
    page.fill("#email", EMAIL)
    page.fill("#name", EVIL)
    page.fill("#password", PASSWORD)
    page.click("#submit")
    page.wait_for_url(f"{server.url}/")
    assert page.faults == []
    page.context.close()
    return server.url


@pytest.fixture
def page(owner: str, browser: Browser) -> Iterator[Page]:
    opened = new_page(browser)
    sign_in(opened, owner)
    yield opened
    assert opened.faults == []
    assert opened.evaluate("window.evil") is None
    opened.context.close()


def status_with(key: str, url: str) -> int:
    return httpx.get(f"{url}/model/v1/generation/tasks", headers={"Authorization": f"Bearer {key}"}).status_code


def made_key(page: Page, url: str, name: str) -> str:
    page.goto(f"{url}/keys")
    page.wait_for_selector("#list table, #list .empty")
    page.click("#create-open")
    page.fill("#name", name)
    page.click("#terms-save")
    secret = page.locator("#secret")
    expect(secret).to_have_text(SECRET)
    key = secret.inner_text()
    page.click("#made [data-close]")
    return key


def test_the_link_of_the_first_start_works_once(owner, server, browser):
    page = new_page(browser)
    page.goto(welcome_link(server.log))
    expect(page.locator("#title")).to_have_text("This link does not work")
    expect(page.locator("#form")).to_be_hidden()
    page.context.close()


def test_a_key_is_made_used_rotated_and_revoked(page, owner):
    key = made_key(page, owner, f"Website {EVIL}")
    assert status_with(key, owner) == 200
    row = page.locator("#list tr", has_text="Website")
    expect(row).to_contain_text(key[: len("sk-spark-") + 8])
    page.reload()
    row.get_by_role("button", name="Rotate").click()
    page.select_option("#grace", "0")
    page.click("#rotate-go")
    expect(page.locator("#secret")).to_have_text(SECRET)
    newer = page.locator("#secret").inner_text()
    page.click("#made [data-close]")
    assert (status_with(key, owner), status_with(newer, owner)) == (401, 200)
    expect(row).to_have_count(1)
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(row).to_have_count(0)
    assert status_with(newer, owner) == 401


def test_a_key_that_ends_within_a_day_does_not_live_longer_under_another_name(page, owner):
    made_key(page, owner, "Sooner")
    page.reload()
    page.locator("#list tr", has_text="Sooner").get_by_role("button", name="Rotate").click()
    page.select_option("#grace", "3600")
    page.click("#rotate-go")
    page.click("#made [data-close]")

    def old():
        return next(
            key for key in page.request.get(f"{owner}/api/v1/keys").json()["keys"] if key["rotated_to"] and key["expires_at"]
        )

    ends = old()["expires_at"]
    page.locator("#list tr", has_text="until").get_by_role("button", name="Change").click()
    page.fill("#name", "Later")
    page.click("#terms-save")
    expect(page.locator("#list tr", has_text="Later")).to_have_count(1)
    assert (old()["name"], old()["expires_at"]) == ("Later", ends)


def test_a_secret_is_shown_until_somebody_closes_it(page, owner):
    page.goto(f"{owner}/keys")
    page.click("#create-open")
    expect(page.locator("#name")).to_be_focused()
    page.fill("#name", "Selected")
    page.press("#name", "Enter")
    secret = page.locator("#secret")
    expect(secret).to_have_text(SECRET)
    box = secret.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    page.mouse.click(5, 5)
    page.keyboard.press("Escape")
    expect(secret).to_have_text(SECRET)
    page.click("#made [data-close]")
    expect(page.locator("#made")).to_be_hidden()


def test_what_a_key_may_not_do_is_refused_in_words(page, owner):
    page.goto(f"{owner}/keys")
    page.click("#create-open")
    page.fill("#name", "nothing")
    for box in page.locator("[name=scope]").all():
        box.set_checked(False)
    page.click("#terms-save")
    expect(page.locator("#terms-error")).not_to_be_empty()


def test_an_endpoint_is_made_switched_off_and_deleted(page, owner):
    page.goto(f"{owner}/webhooks")
    page.wait_for_selector("#endpoints .empty")
    page.click("#create-open")
    page.fill("#url", "https://example.org/hooks")
    page.fill("#description", EVIL)
    page.click("#terms-save")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.click("#secret-dialog [data-close]")
    row = page.locator("#endpoints tr", has_text="example.org")
    row.get_by_role("button", name="Switch off").click()
    expect(row).to_contain_text("switched off")
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).last.click()
    page.wait_for_selector("#endpoints .empty")


def test_an_invited_member_joins_and_sees_no_keys(page, owner, browser):
    page.goto(f"{owner}/members")
    page.click("#invite-open")
    page.fill("#email", "bob@example.org")
    page.click("#invite-go")
    page.wait_for_selector("#link-field:not([hidden])")
    guest = new_page(browser)
    guest.goto(page.input_value("#link"))
    expect(guest.locator("#email")).to_have_value("bob@example.org")
    guest.fill("#name", "Bob")
    guest.fill("#password", "another long password")
    guest.click("#submit")
    guest.wait_for_url(f"{owner}/")
    expect(guest.locator("#nav")).not_to_contain_text("API keys")
    assert guest.goto(f"{owner}/keys").status == 404
    assert guest.goto(f"{owner}/system").status == 404
    guest.goto(f"{owner}/members")
    expect(guest.locator("#members")).to_contain_text("anna@example.org")
    expect(guest.locator("#invite-open")).to_have_count(0)
    guest.context.close()
    page.reload()
    page.locator("#members tr", has_text="Bob").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove", exact=True).last.click()
    expect(page.locator("#members")).not_to_contain_text("bob@example.org")


def test_a_program_is_let_in_from_the_page(page, owner):
    private = Ed25519PrivateKey.generate()

    def plain(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    public = plain(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    begun = httpx.post(f"{owner}/api/v1/cli/device/code", json={"client_id": EVIL, "client_public_key": public}).json()["data"]
    page.goto(f"{begun['verification_uri']}?code={begun['user_code']}")
    expect(page.locator("#client")).to_have_text(EVIL)
    page.click("#approve")
    expect(page.locator("#done")).to_contain_text("Approved")
    timestamp, nonce = str(int(time.time())), os.urandom(12).hex()
    signed = private.sign(hashlib.sha256(f"{begun['device_code']}:{timestamp}:{nonce}".encode()).digest())
    proof = {"device_code": begun["device_code"], "timestamp": timestamp, "nonce": nonce, "proof": plain(signed)}
    answer = httpx.post(f"{owner}/api/v1/cli/token", json=proof).json()["data"]
    assert answer["status"] == "authorized"
    assert status_with(answer["api_key"], owner) == 200
    me = httpx.get(f"{owner}/api/v1/auth/me", headers={"Authorization": f"Bearer {answer['access_token']}"}).json()
    assert me["data"]["user"]["email"] == EMAIL


def test_a_wrong_code_is_told(page, owner):
    page.goto(f"{owner}/device")
    page.fill("#code", "AAAA-AAAA")
    page.click("#look")
    expect(page.locator("#error")).to_be_visible()


def test_the_password_changes_and_other_sessions_end(page, owner, browser):
    other = new_page(browser)
    sign_in(other, owner)
    page.goto(f"{owner}/settings")
    page.fill("#current", "not the password")
    page.fill("#new", "a better password")
    page.click("#password-save")
    expect(page.locator("#password-error")).to_be_visible()
    page.fill("#current", PASSWORD)
    page.click("#password-save")
    expect(page.locator("#toasts")).to_contain_text("was changed")
    other.goto(f"{owner}/settings")
    other.wait_for_url("**/sign-in**")
    other.context.close()
    page.fill("#current", "a better password")
    page.fill("#new", PASSWORD)
    page.click("#password-save")
    expect(page.locator("#current")).to_have_value("")


def test_signing_out_ends_the_session(owner, browser):
    page = new_page(browser)
    sign_in(page, owner)
    cookies = page.context.cookies()
    page.click("#sign-out")
    page.wait_for_url(f"{owner}/sign-in")
    kept = {cookie["name"]: cookie["value"] for cookie in cookies}
    assert httpx.get(f"{owner}/api/v1/session", cookies=kept).status_code == 401
    session = next(cookie for cookie in cookies if "session" in cookie["name"])
    assert session["httpOnly"]
    assert session["sameSite"] == "Lax"
    page.context.close()


def test_a_session_that_was_planted_is_replaced_by_signing_in(owner, browser):
    page = new_page(browser)
    page.context.add_cookies([{"name": "spark_session", "value": "se-spark-planted", "url": owner}])
    sign_in(page, owner)
    value = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "spark_session")
    assert value != "se-spark-planted"
    page.context.close()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(owner, browser, target):
    page = new_page(browser)
    page.goto(f"{owner}/sign-in?next={target}")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("#submit")
    page.wait_for_url(f"{owner}/**")
    page.wait_for_selector("#sign-out", state="attached")
    assert page.url.startswith(owner)
    page.context.close()


def test_another_site_can_neither_frame_nor_forge(owner, browser):
    answer = httpx.get(f"{owner}/sign-in")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    page = new_page(browser)
    sign_in(page, owner)
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    forged = httpx.post(f"{owner}/api/v1/keys", json={"name": "forged"}, cookies=cookies)
    assert forged.status_code == 403
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    token = httpx.get(f"{owner}/api/v1/session", cookies=cookies).json()["csrf_token"]
    forged = httpx.post(
        f"{owner}/api/v1/keys", json={"name": "forged"}, cookies=cookies, headers={**elsewhere, "X-CSRF-Token": token}
    )
    assert forged.status_code == 403
    page.context.close()


@pytest.mark.parametrize("width", [1024, 1300])
def test_long_names_and_addresses_leave_the_buttons_in_sight(page, owner, width):
    name, address = f"{width}{'n' * 96}", f"https://example.org/{width}/{'a' * 197}"
    made_key(page, owner, name)
    page.goto(f"{owner}/webhooks")
    page.click("#create-open")
    page.fill("#url", address)
    page.fill("#description", "d" * 200)
    page.click("#terms-save")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.click("#secret-dialog [data-close]")
    endpoint = page.locator("#endpoints tr", has_text=address)
    endpoint.get_by_role("button", name="Send a test").click()
    expect(page.locator("#deliveries tr", has_text=address)).to_have_count(1)
    page.set_viewport_size({"width": width, "height": 800})
    for path, text in (("keys", name), ("webhooks", address), ("members", EMAIL)):
        page.goto(f"{owner}/{path}")
        expect(page.locator(".table-box tr", has_text=text).first).to_be_visible()
        assert page.evaluate(HIDDEN_BUTTONS) == []
    page.goto(f"{owner}/webhooks")
    endpoint.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).last.click()
    page.wait_for_selector("#endpoints .empty")


def test_an_address_that_leads_nowhere_shows_the_way_back(page, owner):
    assert page.goto(f"{owner}/nothing").status == 404
    expect(page.locator("h1")).to_have_text("There is no page here")
    assert Axe().run(page).violations_count == 0
    page.get_by_role("link", name="Back to Spark Avatar").click()
    page.wait_for_url(f"{owner}/")


@pytest.mark.parametrize("path", ["keys", "webhooks", "members", "settings", "device", "nothing"])
def test_pages_fit_a_small_screen(owner, browser, path):
    page = new_page(browser, viewport={"width": 360, "height": 740})
    sign_in(page, owner)
    page.goto(f"{owner}/{path}")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.faults == []
    page.context.close()
