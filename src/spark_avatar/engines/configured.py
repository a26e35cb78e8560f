"""The engines that an operator's settings bring in: workflows on ComfyUI servers, and another server of our own contract.

Light to import: what an engine needs to run is loaded when it is built.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spark_avatar.engines.comfyui.configuration import ENGINE_PREFIX, FAMILY, ComfyConfiguration, Drained, none_is_drained
from spark_avatar.engines.registry import EngineFactory
from spark_avatar.engines.remote.configuration import NAME as REMOTE
from spark_avatar.engines.remote.configuration import RemoteConfiguration
from spark_avatar.engines.remote.options import Options as RemoteOptions

if TYPE_CHECKING:
    from spark_avatar.engines.comfyui.pool import ServerPool
    from spark_avatar.engines.comfyui.workflow import Workflow
    from spark_avatar.engines.engine import Engine


@dataclass(frozen=True)
class EngineFinding:
    """What a check found out about an engine on a server."""

    engine: str
    server: str
    fine: bool
    detail: str


class ConfiguredEngines:
    """What the settings ask for. Reads the workflows; asks no server."""

    def __init__(
        self,
        comfyui: ComfyConfiguration | None,
        workflows: Path | None,
        remote: RemoteConfiguration | None,
        fallback: tuple[str, ...] = (),
        drained: Drained = none_is_drained,
    ) -> None:
        """`workflows` is the operator's folder; without one the shipped example stands in. Raises `ConfigurationError`."""
        self._comfyui, self._remote, self._fallback, self._drained = comfyui, remote, fallback, drained
        self._folder = workflows
        found = () if comfyui is None else _read(workflows)
        self.workflows: dict[str, Workflow] = {ENGINE_PREFIX + workflow.id: workflow for workflow in found}
        """By the engine's name."""

    def factories(self, find: Callable[[str], Engine]) -> dict[str, EngineFactory]:
        """By the engine's name. `find` gives the engines that are fallen back on."""
        pool = functools.cache(self._pool)
        made: dict[str, EngineFactory] = {}
        for name, workflow in self.workflows.items():
            create = functools.partial(_comfy_engine, workflow, pool)
            made[name] = EngineFactory(self._with_fallback(name, create, find), functools.partial(_options, workflow))
        if self._remote is not None:
            create_remote = functools.partial(_remote_engine, self._remote)
            made[REMOTE] = EngineFactory(self._with_fallback(REMOTE, create_remote, find), lambda: RemoteOptions)
        return made

    def check(self) -> Iterator[EngineFinding]:
        """Asks every server whether it can do its work."""
        if self._comfyui is not None:
            pool = self._pool()
            if not self.workflows:
                folder = "" if self._folder is None else f" {self._folder.name}"
                detail = f"the folder{folder} holds no workflow: put one there that ComfyUI exported (Export (API)), as NAME.json"
                yield from (EngineFinding(FAMILY, server.address.url, False, detail) for server in pool.servers)
            for name, workflow in self.workflows.items():
                for server in pool.servers:
                    fine, detail = server.report(workflow)
                    note = "; it is drained" if self._drained(server.address.url) else ""
                    yield EngineFinding(name, server.address.url, fine, detail + note)
        if self._remote is not None:
            from spark_avatar.engines.remote.check import check_remote

            fine, detail = check_remote(self._remote)
            yield EngineFinding(REMOTE, self._remote.url, fine, detail)

    def _pool(self) -> ServerPool:
        from spark_avatar.engines.comfyui.pool import ServerPool

        assert self._comfyui is not None
        return ServerPool(self._comfyui, self._drained)

    def _with_fallback(self, name: str, create: Callable[[], Engine], find: Callable[[str], Engine]) -> Callable[[], Engine]:
        others = tuple(other for other in self._fallback if other != name)
        if not others or name in self._fallback:  # an engine that is fallen back on has nothing behind it
            return create

        def create_with_fallback() -> Engine:
            from spark_avatar.engines.fallback import FallbackEngine

            return FallbackEngine(create(), others, find)

        return create_with_fallback


def _read(folder: Path | None) -> Iterable[Workflow]:
    from spark_avatar.engines.comfyui.workflow import SHIPPED, read_workflows

    return read_workflows(folder or SHIPPED)


def _options(workflow: Workflow) -> type:
    return workflow.Options


def _comfy_engine(workflow: Workflow, pool: Callable[[], ServerPool]) -> Engine:
    from spark_avatar.engines.comfyui.engine import ComfyEngine

    return ComfyEngine(workflow, pool())


def _remote_engine(config: RemoteConfiguration) -> Engine:
    from spark_avatar.engines.remote.engine import RemoteEngine

    return RemoteEngine(config)
