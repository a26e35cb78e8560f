"""Another engine takes over when the model's own one fails for reasons that are not the caller's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from pydantic import BaseModel, ValidationError

from spark_avatar.engines.engine import Engine, RenderJob, RenderMonitor, Rendition
from spark_avatar.engines.quality import fallback_used
from spark_avatar.errors import (
    GenerationError,
    RemoteStatusError,
    ResultParsingError,
    SparkAvatarError,
    StatusCheckError,
    TaskCreationError,
)

_ENGINES_FAULT: Final = (TaskCreationError, StatusCheckError, RemoteStatusError, ResultParsingError, GenerationError)
"""An input that one engine cannot use is told to the caller; a cancelled job is over."""

_log = logging.getLogger(__name__)


class FallbackEngine:
    """An engine with others behind it. The result says which one made it, and why."""

    def __init__(self, first: Engine, others: Sequence[str], find: Callable[[str], Engine]) -> None:
        """`find` builds an engine by its name, when it is needed."""
        self.name = first.name
        self.Options: type[BaseModel] = first.Options
        self._first = first
        self._others = tuple(others)
        self._find = find

    def warm_up(self) -> None:
        """Warms the first engine; the others load when they are needed."""
        self._first.warm_up()

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        """The first engine's video, else the next one's. Raises what the first engine raised when all fail."""
        try:
            return self._first.render(job, monitor)
        except _ENGINES_FAULT as error:
            failure: SparkAvatarError = error
        for name in self._others:
            _log.warning("an engine failed, another takes over", extra={"engine": self.name, "next": name, "code": failure.code})
            monitor.checkpoint()
            engine = self._find(name)
            try:
                rendition = engine.render(_job_for(engine, job, name), monitor)
            except _ENGINES_FAULT as error:
                _log.warning("the fallback failed too", extra={"engine": name, "code": error.code})
                continue
            return replace(rendition, warnings=(*rendition.warnings, fallback_used(self.name, name, failure.code)))
        raise failure


def _job_for(engine: Engine, job: RenderJob, name: str) -> RenderJob:
    """The same job, in a folder of its own, with those of the caller's options that this engine takes too."""
    given = job.options.model_dump(include=job.options.model_fields_set & engine.Options.model_fields.keys())
    try:
        options = engine.Options.model_validate(given)
    except ValidationError:
        options = engine.Options()
    workdir = job.workdir / f"fallback-{name}"
    workdir.mkdir()
    return replace(job, options=options, workdir=workdir)
