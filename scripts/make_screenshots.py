"""Pictures of every page of the console, light and dark, 360 and 1440 pixels wide, with a workspace in which something happened.

    python scripts/make_screenshots.py output/screenshots            # PNG, all of them; needs Chromium
    python scripts/make_screenshots.py output/screenshots --readme   # and the two that the README shows, into docs/images

Starts a server of its own in a temporary folder.
"""

import argparse
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

MODEL = "spark_avatar_picture_omni_v2"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
OWNER = {"name": "Ada Lovelace", "email": "ada@example.org", "password": "a long enough password"}
PAGES = {
    "tasks": "/tasks",
    "task": "/tasks/{done}",
    "failed": "/tasks/{failed}",
    "usage": "/usage",
    "keys": "/keys",
    "webhooks": "/webhooks",
    "members": "/members",
    "settings": "/settings",
    "models": "/models",
    "system": "/system",
    "device": "/device",
}
README = {"playground-1440-light": "playground.jpg", "task-1440-dark": "task.jpg"}
README_WIDTH = 1200


@dataclass
class Workspace:
    """Who is signed in, and what there is to see."""

    context: BrowserContext
    url: str
    token: str

    def post(self, path: str, body: dict) -> dict:
        answer = self.context.request.post(self.url + path, data=body, headers={"X-CSRF-Token": self.token})
        assert answer.ok, answer.text()
        return answer.json()

    def upload(self, path: Path) -> str:
        part = {"name": path.name, "mimeType": "application/octet-stream", "buffer": path.read_bytes()}
        answer = self.context.request.post(
            f"{self.url}/api/v1/storage/files", multipart={"file": part}, headers={"X-CSRF-Token": self.token}
        )
        assert answer.ok, answer.text()
        return str(answer.json()["url"])

    def generate(self, image: str, audio: str, **options: object) -> str:
        params = {"image_url": image, "audio_url": audio, **options}
        return str(self.post("/model/v1/generation", {"model": MODEL, "input": [{"params": params}]})["id"])

    def finish(self, task_id: str) -> None:
        while True:
            task = self.context.request.get(f"{self.url}/api/v1/tasks/{task_id}").json()
            if task["status"] in ("completed", "failed"):
                return
            time.sleep(0.2)


@contextlib.contextmanager
def running_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server, and its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log, url = folder / "log", f"http://127.0.0.1:{port}"
    settings = {"SPARK_AVATAR_PRICE_PER_SECOND": "0.007", "SPARK_AVATAR_WORKERS": "1"}
    command = [sys.executable, "-m", "spark_avatar", "serve", "--port", str(port), "--data-dir", str(folder / "data")]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=file, stderr=file)
    try:
        for _ in range(300):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/readyz").status_code == httpx.codes.OK:
                    break
            time.sleep(0.1)
        yield url, log
    finally:
        process.terminate()
        process.wait(60)


def make_workspace(browser: Browser, url: str, log: Path) -> Workspace:
    """An owner, accepted by the link of the first start."""
    context = browser.new_context(base_url=url)
    code = re.findall(r"/welcome\?code=(\S+)", log.read_text())[-1]
    session = context.request.post(f"{url}/api/v1/invitations/accept", data={"code": code, **OWNER}).json()
    return Workspace(context, url, session["csrf_token"])


def populate(workspace: Workspace, folder: Path) -> dict[str, str]:
    """Some tasks, a key with a budget, a webhook, an invitation; returns the ids that pages need."""
    from spark_avatar.media.samples import sample_portrait, sample_speech

    portrait = workspace.upload(sample_portrait(folder / "portrait.jpg"))
    speech = workspace.upload(sample_speech())
    Image.new("RGB", (320, 240), (46, 92, 80)).save(folder / "wall.png")
    tasks = [
        workspace.generate(portrait, speech, emotion="happy", head_motion=1.2),
        workspace.generate(workspace.upload(folder / "wall.png"), speech),
        workspace.generate(portrait, speech, crop="face"),
    ]
    for task_id in tasks:
        workspace.finish(task_id)
    workspace.post("/api/v1/keys", {"name": "Website", "monthly_budget": "25", "scopes": ["generate", "read"]})
    workspace.post("/api/v1/keys", {"name": "Laptop"})
    workspace.post("/api/v1/webhooks", {"url": "https://example.org/spark-avatar"})
    workspace.post("/api/v1/invitations", {"email": "grace@example.org", "role": "member"})
    return {"done": tasks[0], "failed": tasks[1]}


def settle(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)


def shoot_playground(page: Page, url: str, target: Path) -> None:
    """With the samples looked at and their video made."""
    page.goto(url)
    settle(page)
    page.screenshot(path=target.with_stem(f"{target.stem}-empty"), full_page=True)
    page.get_by_role("button", name="Use both samples").click()
    page.locator("#generate:not([disabled])").click(timeout=30_000)
    page.locator("#video").wait_for(timeout=60_000)
    page.evaluate("video.pause(), video.currentTime = 2.2, new Promise(done => { video.onseeked = done; })")
    settle(page)
    page.screenshot(path=target)


def shoot(workspace: Workspace, ids: dict[str, str], folder: Path, *, width: int, theme: str) -> None:
    """Every page at this width in this theme."""
    page = workspace.context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    shoot_playground(page, workspace.url, folder / f"playground-{width}-{theme}.png")
    for name, path in PAGES.items():
        page.goto(workspace.url + path.format(**ids))
        settle(page)
        page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)
    page.close()
    stranger = workspace.context.browser.new_context(viewport={"width": width, "height": 700}, color_scheme=theme)
    page = stranger.new_page()
    page.goto(f"{workspace.url}/sign-in")
    page.screenshot(path=folder / f"sign-in-{width}-{theme}.png")
    stranger.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readme", action="store_true", help="write the README's pictures too")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as scratch, running_server(Path(scratch)) as (url, log), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        workspace = make_workspace(browser, url, log)
        ids = populate(workspace, Path(scratch))
        for width in (1440, 360):
            for theme in ("light", "dark"):
                shoot(workspace, ids, given.folder, width=width, theme=theme)
        browser.close()
    if given.readme:
        for name, target in README.items():
            picture = Image.open(given.folder / f"{name}.png").convert("RGB").crop((0, 0, 1440, 900))
            picture.thumbnail((README_WIDTH, README_WIDTH), Image.Resampling.LANCZOS)
            picture.save(IMAGES / target, quality=82, optimize=True, progressive=True)
    print(f"{len(list(given.folder.glob('*.png')))} pictures in {given.folder}")


if __name__ == "__main__":
    main()
