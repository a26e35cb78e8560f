"""A server that renders, an owner who is signed in, and pages that report every fault."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from browser.management_house import CHROMIUM, EVIL, FLAGS, welcome_link
from PIL import Image
from playwright.sync_api import APIRequestContext, Browser, BrowserContext, Page, sync_playwright

from acceptance.conftest import MODEL, Server, finish

OWNER = {"email": "ada@example.org", "password": "a long enough password"}
FAKE_MEDIA = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


@dataclass
class Studio:
    """One context of a browser, signed in."""

    server: Server
    context: BrowserContext
    token: str

    @property
    def http(self) -> APIRequestContext:
        return self.context.request

    def page(self, path: str, **size: int) -> Page:
        """A page at this path. Whatever the console or the content security policy complains of is kept in `faults`."""
        opened = self.context.new_page()
        if size:
            opened.set_viewport_size(size)
        opened.faults = []
        opened.on("console", lambda note: opened.faults.append(note.text) if note.type == "error" else None)
        opened.on("pageerror", lambda error: opened.faults.append(str(error)))
        opened.goto(self.server.url + path)
        return opened

    def create(self, **params: object) -> str:
        """The id of a new task."""
        body = {"model": MODEL, "input": [{"params": {"resolution": "360p", **params}}]}
        answer = self.http.post("/model/v1/generation", data=body, headers={"X-CSRF-Token": self.token})
        assert answer.ok, answer.text()
        return str(answer.json()["id"])

    def finished(self, **params: object) -> dict:
        """A new task, when it has ended."""
        return finish(self.client, self.create(**params))

    @property
    def client(self) -> "_Polled":
        """For `finish`."""
        return _Polled(self)


@dataclass
class _Polled:
    """As much of a client as `finish` needs."""

    studio: Studio

    def get(self, path: str) -> "_Answer":
        return _Answer(self.studio.http.get(path))


@dataclass
class _Answer:
    response: object

    def raise_for_status(self) -> "_Answer":
        assert self.response.ok, self.response.text()
        return self

    def json(self) -> dict:
        return self.response.json()


@contextmanager
def open_studio(folder: Path) -> Iterator[Studio]:
    server = Server(folder / "data", workers=1, SPARK_AVATAR_PRICE_PER_SECOND="0.007").start()
    try:
        with sync_playwright() as playwright:
            browser: Browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=[*FLAGS, *FAKE_MEDIA, "--autoplay-policy=no-user-gesture-required"]
            )
            context = browser.new_context(base_url=server.url)
            code = welcome_link(server.log).partition("code=")[2]
            session = context.request.post("/api/v1/invitations/accept", data={"code": code, "name": EVIL, **OWNER})
            assert session.ok, session.text()
            yield Studio(server, context, session.json()["csrf_token"])
            browser.close()
    finally:
        server.stop()


def data_url(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def flat_picture() -> bytes:
    """Nobody is in it."""
    file = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 120, 60)).save(file, "PNG")
    return file.getvalue()
