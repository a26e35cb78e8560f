"""Another engine takes over."""

from dataclasses import dataclass, field

import pytest
from plain_engine import PlainEngine, PlainOptions
from pydantic import BaseModel, Field
from remote_jobs import Watcher, remote_job

from spark_avatar.engines.engine import SilentMonitor
from spark_avatar.engines.fallback import FallbackEngine
from spark_avatar.errors import (
    Canceled,
    FaceNotFound,
    GenerationError,
    RemoteStatusError,
    ResultParsingError,
    StatusCheckError,
    TaskCreationError,
)


class FirstOptions(BaseModel):
    loudness: float = Field(default=1.0, le=10)
    steps: int = 20


@dataclass
class FailingEngine:
    error: Exception
    name: str = "far"
    Options: type[BaseModel] = FirstOptions
    calls: list = field(default_factory=list)

    def warm_up(self) -> None: ...

    def render(self, job, monitor):
        self.calls.append(job)
        (job.workdir / "input.png").touch()
        raise self.error


@pytest.mark.parametrize("kind", [TaskCreationError, StatusCheckError, RemoteStatusError, ResultParsingError, GenerationError])
def test_an_engines_own_fault_is_taken_over_and_told(tmp_path, kind):
    near = PlainEngine()
    engine = FallbackEngine(FailingEngine(kind("gone")), ["plain"], {"plain": near}.__getitem__)
    rendition = engine.render(remote_job(tmp_path, FirstOptions(loudness=0.5, steps=9)), SilentMonitor())
    assert rendition.engine == "plain"
    assert near.jobs[0].options == PlainOptions(loudness=0.5)  # what both engines know goes along
    assert rendition.warnings[-1].code == "engine_fallback"
    assert kind.code in rendition.warnings[-1].message


def test_an_option_that_the_other_engine_cannot_take_is_left_out(tmp_path):
    near = PlainEngine()
    engine = FallbackEngine(FailingEngine(GenerationError()), ["plain"], {"plain": near}.__getitem__)
    engine.render(remote_job(tmp_path, FirstOptions(loudness=9)), SilentMonitor())
    assert near.jobs[0].options == PlainOptions()


@pytest.mark.parametrize("error", [FaceNotFound(), Canceled()])
def test_the_callers_fault_and_a_cancelled_job_stay_what_they_are(tmp_path, error):
    near = PlainEngine()
    engine = FallbackEngine(FailingEngine(error), ["plain"], {"plain": near}.__getitem__)
    with pytest.raises(type(error)):
        engine.render(remote_job(tmp_path, FirstOptions()), SilentMonitor())
    assert near.jobs == []


def test_when_all_fail_the_first_reason_is_told(tmp_path):
    others = {"a": FailingEngine(GenerationError("a"), name="a"), "b": FailingEngine(RemoteStatusError("b"), name="b")}
    engine = FallbackEngine(FailingEngine(StatusCheckError("first")), list(others), others.__getitem__)
    with pytest.raises(StatusCheckError, match="first"):
        engine.render(remote_job(tmp_path, FirstOptions()), Watcher())
    assert [len(other.calls) for other in others.values()] == [1, 1]
