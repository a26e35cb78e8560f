"""Finds engines by entry point and keeps one warm instance of each.

An engine is a folder with two modules and one entry point in the group `spark_avatar.engines`:

    my_engine = "my_package.my_engine.engine:create"

`create()` builds the engine; the module `options` beside it holds the engine's `Options`, so that a process that only
describes or checks options need not load the engine and its libraries. Engines that need settings are given to the registry
as an `EngineFactory`, by whoever reads the settings.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from pydantic import BaseModel

from spark_avatar.errors import ConfigurationError

if TYPE_CHECKING:  # the protocol's module loads the media libraries
    from spark_avatar.engines.engine import Engine

GROUP = "spark_avatar.engines"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineFactory:
    """An engine that is built from settings."""

    create: Callable[[], Engine]
    options: Callable[[], type[BaseModel]]
    """Its `Options`; always the same class, and light to get."""


class EngineRegistry:
    """The engines of this process, each built once, on first use."""

    def __init__(self, factories: Mapping[str, Callable[[], Engine] | EngineFactory] | None = None) -> None:
        """Knows the installed engines, and those given here, which come first."""
        self._factories = dict(factories or {})
        self._entry_points = {point.name: point for point in entry_points(group=GROUP)}
        self._built: dict[str, Engine] = {}
        self._lock = threading.RLock()

    def names(self) -> tuple[str, ...]:
        """All engines, sorted."""
        return tuple(sorted(self._factories.keys() | self._entry_points.keys()))

    def engine(self, name: str) -> Engine:
        """The engine's instance. Raises `ConfigurationError` when there is none, or it cannot be loaded."""
        with self._lock:
            if name not in self._built:
                self._built[name] = self._build(name)
            return self._built[name]

    def options(self, name: str) -> type[BaseModel]:
        """The engine's `Options`, without loading the engine where its factory or its package's module `options` has them."""
        factory = self._factories.get(name)
        if isinstance(factory, EngineFactory):
            return factory.options()
        point = None if name in self._factories else self._entry_points.get(name)
        module = None if point is None else _options_module(point)
        if module is None:
            return self.engine(name).Options
        found: type[BaseModel] = importlib.import_module(module).Options
        return found

    def _build(self, name: str) -> Engine:
        factory = self._factories.get(name)
        try:
            if factory is None and name in self._entry_points:
                factory = self._entry_points[name].load()
            if isinstance(factory, EngineFactory):
                return factory.create()
            if factory is not None:
                return factory()
        except (ImportError, AttributeError, OSError) as error:
            _log.exception("engine failed to load", extra={"engine": name})
            raise ConfigurationError(f"the engine {name!r} cannot be loaded: {type(error).__name__}") from error
        known = ", ".join(self.names()) or "none"
        raise ConfigurationError(f"there is no engine {name!r}; installed: {known}")


def _options_module(point: EntryPoint) -> str | None:
    module = point.module.rpartition(".")[0] + ".options"
    return module if importlib.util.find_spec(module) is not None else None
