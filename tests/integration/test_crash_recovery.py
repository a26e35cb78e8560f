"""SIGKILL of a server or its workers at many moments: every task is completed once, or fails with a reason, and nothing
is left.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import crash_server
import psutil
import pytest

from spark_avatar.accounts.keys import Caller
from spark_avatar.database.migrate import upgrade
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.video import probe_video
from spark_avatar.schemas.generation import GenerationRequest
from spark_avatar.schemas.identity import AccountId
from spark_avatar.service.admission import Admission
from spark_avatar.service.generation import GenerationService
from spark_avatar.service.inputs import RequestInputs
from spark_avatar.service.models import PICTURE_OMNI
from spark_avatar.service.prices import PriceList
from spark_avatar.service.staging import GRACE_SECONDS, StagingRecovery
from spark_avatar.tasks.task import Task, TaskStatus

pytestmark = pytest.mark.slow
PATIENCE = 120.0
TESTS = Path(__file__).parents[1]
MOMENTS = [0.0, 0.5, 1.0]
"""Seconds after the server is ready: before the claim, in the middle, after the end. Twenty moments, through the API, are in
`tests/acceptance/test_a_server_killed_at_any_moment_loses_nothing.py`.
"""

DIES_BEFORE_THE_TASK_IS_STORED = """
import os, signal, sys
from pathlib import Path
from test_crash_recovery import Site

site = Site(Path(sys.argv[1]))
site.store.add = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
site.submit(input(), input())
"""


class NoDispatcher:
    def start(self) -> None: ...
    def wake(self, engine: str) -> None: ...
    def top_up(self, waiting: dict[str, int]) -> None: ...
    def look_again(self) -> None: ...
    def ready(self) -> bool: ...
    def stop(self, *, grace_seconds: float) -> None: ...


class Site:
    """A data folder, and servers that come and go on it."""

    def __init__(self, folder: Path, *, seconds: float = crash_server.RENDER_SECONDS) -> None:
        self.folder = folder
        self.seconds = seconds
        upgrade(crash_server.database_url(folder))
        self.store = crash_server.open_store(folder)
        self.generation = GenerationService(
            self.store,
            NoDispatcher(),
            crash_server.catalog(crash_server.engines(0)),
            inputs=RequestInputs(crash_server.open_storage(folder), MediaLimits(), crash_server.open_staged(folder)),
            admission=Admission(self.store),
            prices=PriceList(),
            limits=MediaLimits(),
        )

    def submit(self, image_url: str, audio_url: str) -> Task:
        request = GenerationRequest(model=PICTURE_OMNI, params={"image_url": image_url, "audio_url": audio_url})
        return self.generation.submit(request, caller=Caller(AccountId("ada"), "key", "laptop"))

    @contextmanager
    def server(self) -> Iterator[subprocess.Popen[str]]:
        """Runs until the block ends, and stops in good order then, unless it was killed."""
        command = [sys.executable, crash_server.__file__, str(self.folder), str(self.seconds)]
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == "ready\n"
                yield process
                process.stdin.close()
                process.wait(PATIENCE)
            finally:
                process.kill()

    def wait_for(self, task: Task, status: TaskStatus) -> Task:
        eventually(lambda: self.store.get(task.id).status.ended or self.store.get(task.id).status is status)
        found = self.store.get(task.id)
        assert found.status is status, found.failure
        return found

    def files(self) -> list[str]:
        """All but the pictures and previews beside their videos."""
        found = {path for name in ("work", "files") for path in (self.folder / name).rglob("*.*")}
        beside = {path for path in found if path.suffix in (".jpg", ".webp") and path.with_suffix(".mp4") in found}
        return sorted(str(path.relative_to(self.folder)) for path in found - beside)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def eventually(holds: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def assert_one_video(site: Site, task: Task, tmp_path: Path) -> None:
    """One output, whole, and the task's own; nothing in the scratch folder."""
    (output,) = task.outputs
    eventually(lambda: site.files() == [f"files/{output.key}"])
    assert probe_video(site.folder / "files" / output.key).frames == 20
    assert (site.folder / "files" / output.key).stat().st_size == output.size


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_server_killed_at_any_moment_completes_the_task_after_its_restart(moment, site: Site, image_url, audio_url, tmp_path):
    task = site.submit(image_url, audio_url)
    with site.server() as server:
        time.sleep(moment)
        server.kill()
    with site.server():
        done = site.wait_for(task, TaskStatus.COMPLETED)
    assert_one_video(site, done, tmp_path)
    assert not list((site.folder / "servers").iterdir())


def test_a_killed_workers_task_is_taken_up_by_another(site: Site, image_url, audio_url, tmp_path):
    task = site.submit(image_url, audio_url)
    with site.server() as server:
        site.wait_for(task, TaskStatus.RUNNING)
        time.sleep(0.3)
        for child in psutil.Process(server.pid).children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
        done = site.wait_for(task, TaskStatus.COMPLETED)
    assert done.attempts == 2
    assert_one_video(site, done, tmp_path)


def test_a_task_that_kills_every_worker_is_given_up(tmp_path, image_url, audio_url):
    site = Site(tmp_path, seconds=crash_server.DEADLY)
    task = site.submit(image_url, audio_url)
    with site.server():
        failed = site.wait_for(task, TaskStatus.FAILED)
    assert failed.failure.code == "003016095"
    assert "3 attempts" in failed.failure.message
    assert site.files() == []


def test_a_stopped_server_hands_its_task_back_without_counting(tmp_path, image_url, audio_url):
    site = Site(tmp_path, seconds=60)
    task = site.submit(image_url, audio_url)
    with site.server() as server:
        eventually(lambda: site.store.get(task.id).stage == "slow")
        server.stdin.close()
        assert server.wait(60) == 0
    found = site.store.get(task.id)
    assert (found.status, found.attempts) == (TaskStatus.QUEUED, 0)
    assert site.files() == []
    site.seconds = 0.1
    with site.server():
        done = site.wait_for(task, TaskStatus.COMPLETED)
    assert_one_video(site, done, tmp_path)


def test_two_servers_share_one_store_and_one_dies(site: Site, image_url, audio_url):
    with site.server() as first, site.server():
        tasks = [site.submit(image_url, audio_url) for _ in range(6)]
        eventually(lambda: len(site.store.running()) >= 3)  # each server has two workers, so both are at it
        first.kill()
        with site.server():
            done = [site.wait_for(task, TaskStatus.COMPLETED) for task in tasks]
    assert site.files() == sorted(f"files/{task.outputs[0].key}" for task in done)


def test_a_server_killed_between_the_inputs_and_the_task_leaves_nothing(site: Site, image_url, audio_url):
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{Path(__file__).parent}"}
    command = [sys.executable, "-c", DIES_BEFORE_THE_TASK_IS_STORED, str(site.folder)]
    urls = f"{image_url}\n{audio_url}\n"
    died = subprocess.run(command, env=environment, input=urls, text=True, timeout=PATIENCE, check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(list((site.folder / "files").rglob("inputs/*/*/*"))) == 2
    seconds = iter((0.0, GRACE_SECONDS))
    recovery = StagingRecovery(
        crash_server.open_staged(site.folder), crash_server.open_storage(site.folder), monotonic=lambda: next(seconds)
    )
    recovery.step()
    recovery.step()
    assert site.files() == []
    assert not list((site.folder / "files").rglob("inputs/*/*/*"))
