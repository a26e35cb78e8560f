import logging
import threading
import time

import pytest
from service_house import House

from spark_avatar.errors import FaceNotFound, GenerationError
from spark_avatar.media.video import probe_video
from spark_avatar.service.workdirs import workdir_name
from spark_avatar.storage.keys import output_key, shown_keys
from spark_avatar.tasks.task import Task, TaskStatus


@pytest.fixture
def submitted(house: House, image_url, audio_url) -> Task:
    return house.submit(image_url=image_url, audio_url=audio_url, seed=7, loudness=0.5)


def claimed(house: House, worker: str = "server/1", **changes) -> tuple[Task, object]:
    runner = house.runner(worker, **changes)
    task = runner.claim()
    assert task is not None
    return task, runner


def run(house: House, **changes) -> Task:
    task, runner = claimed(house, **changes)
    runner.run(task)
    return house.task(task)


def test_a_task_becomes_a_video(house: House, submitted: Task, tmp_path):
    task = run(house)
    assert task.status is TaskStatus.COMPLETED
    (output,) = task.outputs
    assert output.key == output_key(task.account_id, task.id, 1)
    assert (output.media_type, output.seconds, output.width, output.height) == ("video/mp4", 0.8, 32, 32)
    assert output.job_id == workdir_name(task.id, 1)
    (tmp_path / "copy.mp4").write_bytes(b"".join(house.storage.read(output.key, 0, output.size)))
    assert (tmp_path / "copy.mp4").stat().st_size == output.size
    facts = probe_video(tmp_path / "copy.mp4")
    assert facts.frames == 20
    assert facts.audio_seconds == pytest.approx(0.8, abs=0.04)
    assert task.usage.cost == "0.0098"
    assert task.usage.compute_units == 7
    assert task.uploaded_at == house.clock.now
    assert house.scratch() == []


def test_the_metadata_tells_what_was_found_and_used(house: House, submitted: Task):
    metadata = run(house).metadata
    assert metadata["face"] == {"count": 1}
    assert metadata["warnings"][0] == {"code": "face_small", "message": "The face is small."}
    assert [warning["code"] for warning in metadata["warnings"]] == ["face_small", "watermark_missing"]  # 32 pixels
    assert (metadata["engine"], metadata["seed"]) == ("plain", 7)
    assert {"fetch", "probe", "render", "total"} <= metadata["timings"].keys()


def test_the_engine_gets_the_checked_inputs_options_and_seed(house: House, submitted: Task):
    run(house)
    (job,) = house.engine.jobs
    assert job.seed == 7
    assert job.options.loudness == 0.5
    assert (job.portrait.facts.width, job.portrait.facts.format) == (64, "png")
    assert job.motion.facts.seconds == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"image_url": "data:image/png;base64,aGVsbG8gd29ybGQ="}, "003016013", "image"),
        ({"audio_url": "data:audio/wav,just%20some%20words%20here"}, "003016022", "text"),
        ({"image_url": "http://10.0.0.1/a.png"}, "003016003", "10.0.0.1"),
        ({"audio_url": "http://[::1]/a.wav"}, "003016004", "::1"),
    ],
)
def test_an_input_fault_ends_the_task_with_its_code(params, code, words, house: House, image_url, audio_url):
    house.submit(**{"image_url": image_url, "audio_url": audio_url, **params})
    task = run(house)
    assert task.status is TaskStatus.FAILED
    assert task.failure.code == code
    assert words in task.failure.message
    assert house.scratch() == []
    assert house.outputs() == []


def test_measured_facts_of_a_failure_are_kept(house: House, submitted: Task):
    def refuse(_job, _monitor):
        raise FaceNotFound("No face.", facts={"faces": 0})

    house.engine.during = refuse
    task = run(house)
    assert (task.failure.code, task.failure.message) == ("003016014", "No face.")
    assert task.metadata["faces"] == 0
    assert task.metadata["engine"] == "plain"


def test_an_engines_own_fault_keeps_its_words_and_an_accident_gives_nothing_away(house: House, submitted: Task, caplog):
    def explode(_job, _monitor):
        raise ZeroDivisionError("/srv/secret/path")

    house.engine.during = explode
    with caplog.at_level(logging.ERROR):
        task = run(house)
    assert task.failure.code == "003016095"
    assert "secret" not in task.failure.message
    assert "ZeroDivisionError" not in task.failure.message
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)
    assert house.scratch() == []


def test_a_generation_error_keeps_its_words(house: House, submitted: Task):
    def refuse(_job, _monitor):
        raise GenerationError("The mouth could not be fitted.")

    house.engine.during = refuse
    assert run(house).failure.message == "The mouth could not be fitted."


def test_a_missing_engine_is_the_operators_fault_not_the_callers(house: House, submitted: Task):
    house.engines._factories.clear()
    house.engines._built.clear()
    task = run(house)
    assert task.failure.code == "003016095"
    assert "plain" not in task.failure.message


def test_progress_is_told_and_never_goes_back(house: House, submitted: Task):
    seen = []

    def watch(job, monitor):
        for fraction in (0.2, 0.5, 0.4, 0.9):
            monitor.progress(fraction, f"stage {fraction}")
            stored = house.store.get(submitted.id)
            seen.append((stored.progress, stored.stage))

    house.engine.during = watch
    run(house)
    progress = [value for value, _ in seen]
    assert progress == sorted(progress)
    assert 0.05 < progress[0] < progress[1] < progress[-1] < 0.97
    assert seen[0][1] == "stage 0.2"


def test_the_store_is_not_told_of_every_frame(house: House, submitted: Task, monkeypatch):
    told = []
    report = house.store.report
    monkeypatch.setattr(house.store, "report", lambda *args, **news: told.append(news) or report(*args, **news))

    def chatter(_job, monitor):
        for number in range(1000):
            monitor.progress(number / 1000, "frames")

    house.engine.during = chatter
    run(house)
    assert len(told) < 12


def test_a_task_that_takes_too_long_is_ended(house: House, submitted: Task):
    def loiter(_job, monitor):
        while True:
            time.sleep(0.01)
            monitor.checkpoint()

    house.engine.during = loiter
    task = run(house, task_seconds=0.2)
    assert task.failure.code == "003016032"
    assert "0.2 s" in task.failure.message
    assert house.scratch() == []


def test_a_stopping_worker_hands_its_task_back_uncounted(house: House, submitted: Task):
    def stop(_job, monitor):
        house.must_stop = True
        monitor.checkpoint()

    house.engine.during = stop
    task = run(house)
    assert (task.status, task.attempts, task.claim) == (TaskStatus.QUEUED, 0, None)
    assert house.scratch() == []
    assert house.outputs() == []
    house.must_stop, house.engine.during = False, lambda *_: None
    assert run(house, worker="server/2").status is TaskStatus.COMPLETED
    assert [job.seed for job in house.engine.jobs] == [7, 7]


@pytest.mark.parametrize("moment", ["during the render", "after it"])
def test_a_worker_that_lost_its_task_ends_silently_and_cleans_up(moment, house: House, submitted: Task):
    def rob(job, _monitor=None):
        task = house.store.get(submitted.id)
        assert house.store.hand_back(task.id, task.claim, count_attempt=True)
        other = house.runner("server/2").claim()
        assert other.id == task.id

    if moment == "during the render":
        house.engine.during = rob
    else:
        put = house.storage.put
        house.storage.put = lambda key, path: (put(key, path), rob(None))[0]
    task = run(house)
    assert task.status is TaskStatus.RUNNING
    assert task.claim.worker == "server/2"
    assert house.outputs() == []
    assert house.scratch() == []


def test_the_heartbeat_keeps_the_lease_alive_and_notices_its_loss(house: House, submitted: Task):
    leases = []
    robbed = threading.Event()

    def linger(_job, monitor):
        for _ in range(200):
            time.sleep(0.01)
            stored = house.store.get(submitted.id)
            house.clock.forward(0.01)
            leases.append(stored.claim.lease_until)
            if len(set(leases)) > 2 and not robbed.is_set():
                robbed.set()
                house.store.hand_back(stored.id, stored.claim, count_attempt=True)
                house.runner("server/2").claim()
            monitor.checkpoint()
        pytest.fail("the loss was not noticed")

    house.engine.during = linger
    task = run(house, lease_seconds=0.15)
    assert robbed.is_set()
    assert leases == sorted(leases)
    assert task.claim.worker == "server/2"


def test_outputs_of_earlier_attempts_are_removed(house: House, submitted: Task, tmp_path):
    first, _ = claimed(house)
    (tmp_path / "old").write_bytes(b"half a video")
    house.storage.put(output_key(first.account_id, first.id, 1), tmp_path / "old")
    house.store.hand_back(first.id, first.claim, count_attempt=True)
    task = run(house, worker="server/2")
    assert house.outputs() == sorted(shown_keys(output_key(task.account_id, task.id, 2)))
    assert task.outputs[0].key == output_key(task.account_id, task.id, 2)


def test_a_store_that_fails_at_the_end_leaves_the_task_to_recovery(house: House, submitted: Task, monkeypatch):
    task, runner = claimed(house)

    def fail(*_args, **_news):
        raise OSError("database is gone")

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "complete", fail)
        with pytest.raises(OSError, match="gone"):
            runner.run(task)
    assert house.task(task).status is TaskStatus.RUNNING
    house.sweep(seconds=20)
    assert house.outputs() == []
    assert run(house, worker="server/2").status is TaskStatus.COMPLETED
