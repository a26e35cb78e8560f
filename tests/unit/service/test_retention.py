"""Old data goes, in the time of a clock that the tests set. Files get their age from the disk, so the tests set that too."""

import os
from datetime import datetime, timedelta
from urllib.request import urlopen

import pytest
from service_house import CALLER, House

from spark_avatar.errors import TaskNotFound
from spark_avatar.service.retention import Retention, age
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.storage.keys import input_key, output_key, shown_keys, upload_key, work_key
from spark_avatar.tasks.task import Task, TaskId, TaskStatus

DAY = timedelta(days=1)


def retention(house: House, *, tasks: timedelta | None = 30 * DAY, inputs: timedelta | None = DAY) -> Retention:
    return Retention(house.store, house.storage, TaskFiles(house.storage), house.signer, tasks, inputs, clock=house.clock)


def keys(house: House) -> list[str]:
    return sorted(stored.key for stored in house.storage.list(""))


def write(house: House, key: str, *, written: datetime | None = None) -> str:
    """A file that was written at that time, by default now."""
    house.storage.put(key, b"content")
    set_age(house, key, written or house.clock())
    return key


def set_age(house: House, key: str, written: datetime) -> None:
    os.utime(house.folder / "files" / key, (written.timestamp(), written.timestamp()))


def completed(house: House, image_url: str, audio_url: str) -> Task:
    task = house.submit(image_url=image_url, audio_url=audio_url)
    runner = house.runner()
    runner.run(runner.claim())
    for key in keys(house):
        if task.id in key:
            set_age(house, key, house.clock())
    return house.task(task)


def test_an_ended_task_goes_with_its_files_when_its_time_is_over(house: House, image_url, audio_url):
    task = completed(house, image_url, audio_url)
    house.clock.forward(29 * 86400)
    retention(house, inputs=None).sweep()
    assert house.task(task) == task
    assert len(keys(house)) == 5
    house.clock.forward(2 * 86400)
    younger = completed(house, image_url, audio_url)
    retention(house, inputs=None).sweep()
    with pytest.raises(TaskNotFound):
        house.task(task)
    assert len([key for key in keys(house) if younger.id in key]) == len(keys(house)) == 5


def test_open_tasks_never_grow_old(house: House, image_url):
    waiting, running = house.submit(image_url=image_url), house.submit(image_url=image_url)
    house.runner().claim()
    house.clock.forward(400 * 86400)
    retention(house).sweep()
    assert {house.task(task).id for task in (waiting, running)} == {waiting.id, running.id}
    assert len(house.storage.list("inputs/")) == 2


def test_what_workers_shared_goes_with_their_task(house: House, image_url, audio_url):
    """A killed process may leave it behind."""
    waiting, ended = house.submit(image_url=image_url), house.submit(image_url=image_url)
    house.tasks.cancel(ended.id, caller=CALLER)
    kept = write(house, work_key(waiting.account_id, waiting.id, "part-0-1.mp4"))
    write(house, work_key(ended.account_id, ended.id, "part-0-1.mp4"))
    write(house, work_key(ended.account_id, TaskId("never-was"), "plan-1.json"))
    house.clock.forward(2 * 86400)
    young = write(house, work_key(ended.account_id, ended.id, "part-1-1.mp4"))
    retention(house).sweep()
    assert sorted(stored.key for stored in house.storage.list("work/")) == sorted([kept, young])


def test_more_tasks_than_one_batch_go_at_once(tmp_path):
    house = House(tmp_path, max_queued=1000, max_queued_of_account=1000)
    for _ in range(450):
        house.tasks.cancel(house.submit().id, caller=CALLER)
    house.clock.forward(31 * 86400)
    retention(house).sweep()
    assert house.generation.recent(caller=CALLER) == []
    house.database.dispose()


def test_uploads_and_inputs_of_ended_tasks_go_after_a_day(house: House, image_url, audio_url):
    old = write(house, upload_key(CALLER.account_id, "old", ".png"))
    task = completed(house, image_url, audio_url)
    house.clock.forward(86400 + 60)
    new = write(house, upload_key(CALLER.account_id, "new", ".png"))
    retention(house).sweep()
    assert keys(house) == sorted([new, *shown_keys(output_key(CALLER.account_id, task.id, 1))])
    assert old not in keys(house)
    assert house.task(task) == task


@pytest.mark.parametrize("param", ["image_url", "audio_url"])
def test_an_upload_stays_while_an_open_task_needs_it(param: str, house: House):
    def submit(key: str) -> Task:
        link = house.signer.sign(key, expires_at=house.clock() + timedelta(hours=1))
        return house.submit(**{param: f"https://avatar.example.org/behind/a/proxy{link}"})

    needed, done, never = (write(house, upload_key(CALLER.account_id, name, ".png")) for name in ("needed", "done", "never"))
    submit(needed)
    ended = submit(done)
    house.clock.forward(5 * 86400)
    retention(house).sweep()
    assert [key for key in keys(house) if key.startswith("uploads/")] == sorted([done, needed])
    house.tasks.cancel(ended.id, caller=CALLER)
    retention(house).sweep()
    assert [key for key in keys(house) if key.startswith("uploads/")] == [needed]
    assert never not in keys(house)


def test_a_task_that_waited_for_days_still_finds_its_uploads(house: House, image_url, audio_url):
    """Although the links that it was given have expired, and uploads are kept for a day only."""
    links = {}
    for param, content in (("image_url", image_url), ("audio_url", audio_url)):
        key = write(house, upload_key(CALLER.account_id, param, ""))
        with urlopen(content) as opened:  # a data: URL
            house.storage.put(key, opened.read())
        set_age(house, key, house.clock())
        links[param] = "https://avatar.example.org" + house.signer.sign(key, expires_at=house.clock() + timedelta(hours=1))
    task = house.submit(**links)
    house.clock.forward(5 * 86400)
    retention(house).sweep()
    runner = house.runner()
    runner.run(runner.claim())
    assert house.task(task).status is TaskStatus.COMPLETED, house.task(task).failure
    retention(house).sweep()
    assert house.storage.list("uploads/") == []


def test_nothing_goes_when_everything_is_to_be_kept(house: House, image_url, audio_url):
    assert age(timedelta(0)) is None
    write(house, upload_key(CALLER.account_id, "old", ".png"))
    completed(house, image_url, audio_url)
    before = keys(house)
    house.clock.forward(4000 * 86400)
    retention(house, tasks=None, inputs=None).sweep()
    assert keys(house) == before


def test_files_that_no_task_names_go_after_a_day(house: House, image_url, audio_url):
    task = completed(house, image_url, audio_url)
    lost = [
        write(house, output_key(CALLER.account_id, TaskId("gone"), 1)),
        write(house, output_key(CALLER.account_id, task.id, 7)),
        write(house, input_key(CALLER.account_id, TaskId("gone"), "image")),
    ]
    retention(house, inputs=None).sweep()
    assert set(lost) <= set(keys(house)), "they may be those of a task that is just being stored"
    house.clock.forward(86400 + 60)
    retention(house, inputs=None).sweep()
    assert len(keys(house)) == 5
    assert not set(lost) & set(keys(house))


def test_a_storage_that_is_away_loses_no_record(house: House, image_url, audio_url, monkeypatch):
    task = completed(house, image_url, audio_url)
    house.clock.forward(31 * 86400)

    def away(_prefix):
        raise OSError("away")

    with monkeypatch.context() as broken:
        broken.setattr(house.storage, "list", away)
        with pytest.raises(OSError, match="away"):
            retention(house).sweep()
    assert house.task(task) == task
    retention(house).sweep()
    assert keys(house) == []
