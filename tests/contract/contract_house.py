"""What the contract's tests run on: the real adapters, and a worker that the tests play themselves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.api.http import build_api
from spark_avatar.api.ports import Ports
from spark_avatar.media.limits import MEBIBYTE, MediaLimits
from spark_avatar.schemas.identity import TaskId
from spark_avatar.storage.keys import output_key
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import Claim, Task, TaskFailure, TaskOutput, TaskUsage

LIMITS = MediaLimits(image_bytes=MEBIBYTE, audio_bytes=2 * MEBIBYTE)


class IdleDispatcher:
    """Runs nothing, so that a test decides how far a task gets."""

    def start(self) -> None:
        pass

    def wake(self, engine: str) -> None:
        pass

    def top_up(self, waiting: dict[str, int]) -> None:
        pass

    def look_again(self) -> None:
        pass

    def ready(self) -> bool:
        return True

    def stop(self, *, grace_seconds: float) -> None:
        pass


@dataclass
class Worker:
    """Moves tasks along by the store's own calls."""

    store: SqlTaskStore
    storage: ObjectStorage
    folder: Path

    def start(self, task_id: str) -> tuple[Task, Claim]:
        """Claims until the task comes up; what was queued before it stays claimed."""
        while True:
            now = datetime.now(UTC)
            task = self.store.claim_next("test-worker", now=now, lease_until=now + timedelta(minutes=5))
            assert task is not None, "the task is not queued"
            if task.id == task_id:
                assert task.claim is not None
                return task, task.claim

    def report(self, task_id: str, claim: Claim, progress: float) -> None:
        assert self.store.report(TaskId(task_id), claim, progress=progress, stage="render", uploaded_at=datetime.now(UTC))

    def complete(self, task: Task, claim: Claim, content: bytes = b"not quite a video") -> None:
        path = self.folder / f"{task.id}.mp4"
        path.write_bytes(content)
        key = output_key(task.account_id, task.id, 1)
        stored = self.storage.put(key, path)
        output = TaskOutput(key, "video/mp4", stored.size, "job-1", 5.96, 512, 512)
        assert self.store.complete(
            task.id,
            claim,
            outputs=[output],
            usage=TaskUsage(cost="0.0420", discount=1.0, compute_units=37),
            metadata={"warnings": [{"code": "face_small", "message": "The face is small."}]},
            now=datetime.now(UTC),
        )

    def fail(self, task: Task, claim: Claim) -> None:
        failure = TaskFailure("003016014", "No human face was found in the image.")
        assert self.store.fail(task.id, claim, failure, metadata={"faces": 0}, now=datetime.now(UTC))


@dataclass
class House:
    """Everything behind the API."""

    ports: Ports
    keys: SqlKeyStore
    worker: Worker
    store: SqlTaskStore

    def app(self, **changes: object) -> FastAPI:
        """A second app on the same data, with other ports."""
        app = build_api(registry=CollectorRegistry())
        app.state.ports = Ports(**{**vars(self.ports), **changes})  # type: ignore[arg-type]
        return app


def call(app: FastAPI, method: str, path: str, key: str, **options: object) -> httpx.Response:
    """One call of an app in this process."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers={"Authorization": f"Bearer {key}"}, **options)  # type: ignore[arg-type]

    return anyio.run(send)
