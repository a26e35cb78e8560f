"""A server for the console's pages of keys, members and devices, and an owner who is signed in."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EMAIL, PASSWORD = "anna@example.org", "correct horse battery"
EVIL = "<script>window.evil = true</script>"
"""A name that must stay a name."""


@contextmanager
def open_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, **options: object) -> Page:
    """A page in a context of its own. What the console or the content security policy complains of fails the test."""
    page = browser.new_context(**options).new_page()
    page.faults = []

    def note(message: object) -> None:
        if message.type == "error" and "status of 40" not in message.text:  # the browser notes refused calls by itself
            page.faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    return page


def welcome_link(log: Path) -> str:
    found = re.findall(r"http://\S+/welcome\?code=\S+", log.read_text())
    assert found, "the first start prints a link"
    return str(found[-1])


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/sign-in")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("#submit")
    page.wait_for_url(f"{url}/")


needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
