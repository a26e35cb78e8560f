"""Long recordings in segments: several workers on one store and storage, and whatever may happen to them."""

import errno
import threading
import time

import numpy as np
import pytest
from planning_engine import PlanningPlainEngine, picture
from sample_urls import tone_data_url
from service_house import CALLER, House

from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.errors import ConfigurationError, FaceNotFound
from spark_avatar.media.video import read_frames
from spark_avatar.pipeline import Pipeline
from spark_avatar.service.leases import LeaseWatch
from spark_avatar.service.segment_cleanup import clear_ended
from spark_avatar.service.segment_runner import SegmentRunner
from spark_avatar.service.splitting import SplitRenderer
from spark_avatar.service.worker import Worker
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.segments import SegmentStatus
from spark_avatar.tasks.sql.segments import SqlSegmentStore
from spark_avatar.tasks.task import TaskStatus

SECONDS = 4.0
SEGMENT = 1.0
FRAMES = 100


class Crew:
    """Workers on one house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.segments = SqlSegmentStore(house.database, patience_seconds=0)
        self.stopping: set[str] = set()

    def worker(self, name: str, engine: PlanningPlainEngine | None = None, **changes: object) -> Worker:
        engine = engine or PlanningPlainEngine()
        pipeline = Pipeline(EngineRegistry({"plain": lambda: engine}), self.house.limits)
        common = {"must_stop": lambda: name in self.stopping, "lease_seconds": 1.5}
        segments = SegmentRunner(
            tasks=self.house.store,
            segments=self.segments,
            storage=self.house.storage,
            pipeline=pipeline,
            work_dir=self.house.work_dir,
            worker=name,
            clock=self.house.clock,
            **common,
        )
        lease = float(changes.pop("lease", 15.0))
        split = SplitRenderer(segments, SEGMENT, leases=LeaseWatch(lease), **changes)
        return Worker(self.house.runner(name, pipeline=pipeline, split=split, **common), segments)

    def files(self) -> list[str]:
        return [stored.key for stored in self.house.storage.list("work/")]


@pytest.fixture
def crew(house):
    return Crew(house)


@pytest.fixture(scope="session")
def long_audio_url() -> str:
    return tone_data_url(SECONDS)


@pytest.fixture
def task(house, image_url, long_audio_url):
    return house.submit(image_url=image_url, audio_url=long_audio_url)


def shows_all(house, task, tmp_path):
    """Whether a task's video has every frame, once and in order. Each frame's grey is 2 levels lighter than the one before."""
    output = house.task(task).outputs[0]
    path = tmp_path / "shown.mp4"
    path.write_bytes(b"".join(house.storage.read(output.key, 0, output.size)))
    greys = [frame.mean() for frame in read_frames(path)]
    return len(greys) == FRAMES and np.allclose(greys, [picture(number)[0, 0, 0] for number in range(FRAMES)], atol=1.9)


def start(worker, work):
    thread = threading.Thread(target=worker.run, args=(work,), daemon=True)
    thread.start()
    return thread


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def pausing():
    """An engine that stops in the middle of its first job until it is told to go on."""
    reached, go_on = threading.Event(), threading.Event()

    def during(job, monitor):
        reached.set()
        while not go_on.wait(0.01):
            monitor.checkpoint()

    return PlanningPlainEngine(during=during), reached, go_on


def test_one_worker_alone_renders_all_segments(crew, house, task, tmp_path):
    engine = PlanningPlainEngine()
    worker = crew.worker("server/1", engine)
    worker.run(worker.claim())
    ended = house.task(task)
    assert (ended.status, ended.progress, ended.attempts) == (TaskStatus.COMPLETED, 1.0, 1)
    assert [len(job.motion) for job in engine.jobs] == [25, 25, 25, 25]
    assert ended.usage.compute_units == 3 + 4 * 2
    assert ended.outputs[0].seconds == SECONDS
    assert ended.metadata["face"] == {"count": 1}
    assert [key.rpartition(".")[2] for key in sorted(house.outputs())] == ["jpg", "mp4", "webp"]
    assert shows_all(house, task, tmp_path)
    assert crew.files() == []
    assert crew.segments.of_task(task.id) == []
    assert house.scratch() == []


def test_a_short_recording_is_rendered_in_one_go(crew, house, image_url, audio_url):
    house.submit(image_url=image_url, audio_url=audio_url)
    engine = PlanningPlainEngine()
    worker = crew.worker("server/1", engine)
    worker.run(worker.claim())
    assert (engine.plans, len(engine.jobs)) == (0, 1)


def test_an_engine_without_plans_renders_in_one_go(crew, house, task):
    worker = crew.worker("server/1")
    worker = Worker(house.runner("server/1", split=worker.tasks.split), worker.segments)
    house.engine.jobs.clear()
    object.__setattr__(worker.segments, "pipeline", Pipeline(house.engines, house.limits))
    worker.run(worker.claim())
    assert house.task(task).status is TaskStatus.COMPLETED
    assert len(house.engine.jobs) == 1


def test_two_workers_share_the_segments(crew, house, task, tmp_path):
    first_engine, reached, go_on = pausing()
    second_engine = PlanningPlainEngine()
    first, second = crew.worker("server/1", first_engine), crew.worker("server/2", second_engine)
    holding = start(first, first.claim())
    assert reached.wait(20)
    for _ in range(3):
        work = second.claim()
        assert work.claimed.task_id == task.id
        second.run(work)
    assert second.claim() is None
    assert house.task(task).status is TaskStatus.RUNNING
    go_on.set()
    holding.join(20)
    assert house.task(task).status is TaskStatus.COMPLETED
    assert (len(first_engine.jobs), len(second_engine.jobs), second_engine.plans) == (1, 3, 0)
    assert shows_all(house, task, tmp_path)
    assert crew.files() == []


def test_progress_counts_all_segments(crew, house, task):
    first_engine, reached, go_on = pausing()
    first, second = crew.worker("server/1", first_engine), crew.worker("server/2")
    holding = start(first, first.claim())
    assert reached.wait(20)
    before = house.task(task).progress
    second.run(second.claim())
    second.run(second.claim())
    go_on.set()
    holding.join(20)
    assert before < 0.2
    assert house.task(task).progress == 1.0


def test_a_dead_workers_segment_is_rendered_by_another(crew, house, task, tmp_path):
    """It claimed one and was never heard of again."""
    first_engine, reached, go_on = pausing()
    first, dead = crew.worker("server/1", first_engine, lease=1.0), crew.worker("server/2")
    holding = start(first, first.claim())
    assert reached.wait(20)
    lost = dead.claim().claimed
    go_on.set()
    holding.join(20)
    assert house.task(task).status is TaskStatus.COMPLETED
    assert lost.number == 1
    assert shows_all(house, task, tmp_path)


def test_a_segment_that_kills_its_workers_fails_the_task(crew, house, task):
    first_engine, reached, go_on = pausing()
    first, poisoned = crew.worker("server/1", first_engine, lease=1.0, max_attempts=1), crew.worker("server/2")
    holding = start(first, first.claim())
    assert reached.wait(20)
    assert poisoned.claim().claimed.number == 1
    go_on.set()
    holding.join(20)
    ended = house.task(task)
    assert (ended.status, ended.failure.code) == (TaskStatus.FAILED, "003016095")
    assert "died" in ended.failure.message
    assert crew.files() == []


def test_the_next_holder_uses_what_is_done(crew, house, task, tmp_path):
    """The worker that holds the task dies when two segments are done."""
    helper_engine = PlanningPlainEngine()
    first_engine, reached, go_on = pausing()
    first, helper = crew.worker("server/1", first_engine), crew.worker("server/2", helper_engine)
    holding = start(first, first.claim())
    assert reached.wait(20)
    helper.run(helper.claim())
    helper.run(helper.claim())
    held = house.task(task)
    assert house.store.hand_back(task.id, held.claim, count_attempt=True)  # as recovery does
    go_on.set()
    holding.join(20)
    assert house.task(task).status is TaskStatus.QUEUED
    second_engine = PlanningPlainEngine()
    second = crew.worker("server/3", second_engine, lease=1.0)
    work = second.claim()
    while not hasattr(work.claimed, "request"):  # a segment first: its task came first
        second.run(work)
        work = second.claim()
    second.run(work)
    ended = house.task(task)
    assert (ended.status, ended.attempts) == (TaskStatus.COMPLETED, 2)
    assert second_engine.plans == 0
    assert len(second_engine.jobs) <= 2
    assert shows_all(house, task, tmp_path)
    assert crew.files() == []


def test_cancelling_stops_everybody_and_leaves_nothing(crew, house, task):
    first_engine, first_reached, _ = pausing()
    helper_engine, helper_reached, _ = pausing()
    first, helper = crew.worker("server/1", first_engine), crew.worker("server/2", helper_engine)
    holding = start(first, first.claim())
    assert first_reached.wait(20)
    helping = start(helper, helper.claim())
    assert helper_reached.wait(20)
    house.tasks.cancel(task.id, caller=CALLER)
    holding.join(30)
    helping.join(30)
    assert not holding.is_alive()
    assert not helping.is_alive()
    assert house.task(task).status is TaskStatus.FAILED
    clear_ended(crew.segments, house.storage)
    assert crew.files() == []
    assert house.outputs() == []
    assert house.scratch() == []


def test_a_task_that_is_cancelled_as_it_is_planned_leaves_nothing(crew, house, task, monkeypatch):
    """The portrait and the plan are stored by then, and no segment tells of them."""
    plan = crew.segments.plan

    def plan_late(task, segments):
        house.tasks.cancel(task.id, caller=CALLER)
        return plan(task, segments)

    monkeypatch.setattr(crew.segments, "plan", plan_late)
    worker = crew.worker("server/1")
    worker.run(worker.claim())
    assert house.task(task).status is TaskStatus.FAILED
    assert crew.files() == []


def test_a_drained_helper_hands_its_segment_back(crew, house, task):
    first_engine, reached, go_on = pausing()
    helper_engine, helper_reached, _ = pausing()
    first, helper = crew.worker("server/1", first_engine), crew.worker("server/2", helper_engine)
    holding = start(first, first.claim())
    assert reached.wait(20)
    helping = start(helper, helper.claim())
    assert helper_reached.wait(20)
    crew.stopping.add("server/2")
    helping.join(20)
    (again,) = (segment for segment in crew.segments.of_task(task.id) if segment.number == 1)
    assert (again.status, again.attempts) == (SegmentStatus.QUEUED, 0)
    go_on.set()
    holding.join(20)
    assert house.task(task).status is TaskStatus.COMPLETED


def test_a_drained_holder_hands_task_and_segment_back(crew, house, task):
    engine, reached, _ = pausing()
    first = crew.worker("server/1", engine)
    holding = start(first, first.claim())
    assert reached.wait(20)
    crew.stopping.add("server/1")
    holding.join(20)
    assert (house.task(task).status, house.task(task).attempts) == (TaskStatus.QUEUED, 0)
    assert {segment.status for segment in crew.segments.of_task(task.id)} == {SegmentStatus.QUEUED}
    second = crew.worker("server/2")
    while (work := second.claim()) is not None:
        second.run(work)
    assert house.task(task).status is TaskStatus.COMPLETED


def test_a_segments_fault_is_the_tasks(crew, house, task):
    def fault(job, monitor):
        raise FaceNotFound("No face.")

    first_engine, reached, go_on = pausing()
    first, helper = crew.worker("server/1", first_engine), crew.worker("server/2", PlanningPlainEngine(during=fault))
    holding = start(first, first.claim())
    assert reached.wait(20)
    helper.run(helper.claim())
    go_on.set()
    holding.join(20)
    ended = house.task(task)
    assert (ended.status, ended.failure.code, ended.failure.message) == (TaskStatus.FAILED, "003016014", "No face.")
    assert crew.files() == []
    assert crew.segments.of_task(task.id) == []


@pytest.mark.parametrize(
    "fault",
    [ConfigurationError("SPARK_AVATAR_SECRET is wrong"), RuntimeError("/SECRET/path")],  # settings are the operator's
)
def test_what_is_wrong_with_the_server_is_not_told(crew, house, task, fault):
    """As of a task that is rendered in one go."""
    assert "SECRET" not in failed(crew, house, task, fault)


def test_a_segment_that_needs_more_disk_than_there_is_says_so(crew, house, task):
    assert "disk space" in failed(crew, house, task, OSError(errno.ENOSPC, "No space left on device"))


def failed(crew, house, task, fault) -> str:
    """What is told of a task of which a segment ends with this."""

    def end(job, monitor):
        raise fault

    worker = crew.worker("server/1", PlanningPlainEngine(during=end))
    worker.run(worker.claim())
    ended = house.task(task)
    assert (ended.status, ended.failure.code) == (TaskStatus.FAILED, "003016095")
    return ended.failure.message


def test_files_that_are_written_after_the_end_are_the_sweepers(crew, house, task):
    """A helper's upload lands after the task was cancelled and cleared."""
    helper_engine, reached, go_on = pausing()
    first_engine, first_reached, _ = pausing()
    first, helper = crew.worker("server/1", first_engine), crew.worker("server/2", helper_engine)
    holding = start(first, first.claim())
    assert first_reached.wait(20)

    class Slow(ObjectStorage):
        def put(self, key, source):
            house.tasks.cancel(task.id, caller=CALLER)
            holding.join(20)
            return super().put(key, source)

    object.__setattr__(helper.segments, "storage", Slow(str(house.folder / "files")))
    go_on.set()
    helper.run(helper.claim())
    assert reached.is_set()
    assert crew.files() == []
