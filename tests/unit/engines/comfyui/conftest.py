from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from comfyui_server import ComfyServer, running
from remote_jobs import remote_job, video_bytes

from spark_avatar.engines.comfyui.configuration import ComfyConfiguration, ServerAddress
from spark_avatar.engines.comfyui.engine import ComfyEngine
from spark_avatar.engines.comfyui.pool import ServerPool
from spark_avatar.engines.comfyui.workflow import SHIPPED, read_workflow
from spark_avatar.engines.engine import RenderJob


@pytest.fixture(scope="session")
def finished() -> bytes:
    return video_bytes()


@pytest.fixture
def start(finished: bytes) -> Iterator[Callable[..., ComfyServer]]:
    """Starts servers that deliver `finished` unless told otherwise."""
    with ExitStack() as stack:

        def begin(**behaviour: object) -> ComfyServer:
            return stack.enter_context(running(ComfyServer(**{"make": lambda _graph, _uploads: finished, **behaviour})))

        yield begin


@pytest.fixture
def engine(tmp_path: Path) -> Callable[..., ComfyEngine]:
    """The example workflow on some servers, impatient."""

    def build(*servers: ComfyServer, workflow: Path = SHIPPED / "example.json", **config: object) -> ComfyEngine:
        addresses = tuple(ServerAddress(server.url) for server in servers)
        patience = {
            "patience_seconds": 0.0,
            "poll_seconds": 0.05,
            "answer_seconds": 0.5,
            "silent_seconds": 1.0,
            "job_seconds": 20.0,
            **config,
        }
        pool = ServerPool(ComfyConfiguration(addresses, tmp_path / "state", **patience))
        return ComfyEngine(read_workflow(workflow), pool)

    return build


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., RenderJob]:
    def build(engine: ComfyEngine, name: str = "job", **options: object) -> RenderJob:
        return remote_job(tmp_path / name, engine.Options(**options))

    return build
