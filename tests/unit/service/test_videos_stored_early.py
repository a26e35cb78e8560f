"""Tasks whose video goes to S3 while it is rendered: what arrives is the file that was rendered, or nothing is left."""

import hashlib
import threading
from dataclasses import dataclass, field

import pytest
from noise_engine import NoiseEngine
from s3_fixtures import bucket, proxy, server
from sample_urls import tone_data_url
from service_house import CALLER

from spark_avatar.errors import StorageUnavailable
from spark_avatar.media.limits import MediaLimits
from spark_avatar.pipeline import Pipeline
from spark_avatar.provenance.manifest import read_manifest
from spark_avatar.service import early_upload
from spark_avatar.service.monitor import HandedBack
from spark_avatar.service.recovery import Recovery
from spark_avatar.storage.keys import output_key
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.task import TaskStatus

__all__ = ["bucket", "proxy", "server"]  # fixtures

SMALL = 100_000
"""Instead of 5 MiB, where no upload is to be completed: the server too wants parts of that size."""


@dataclass(frozen=True)
class RememberingPipeline(Pipeline):
    """Knows the digests of the files that it made."""

    digests: list[str] = field(default_factory=list)

    def render(self, *args, **options):
        rendition = super().render(*args, **options)
        self.digests.append(hashlib.sha256(rendition.path.read_bytes()).hexdigest())
        return rendition


@pytest.fixture
def workshop(house, server, proxy, bucket, image_url):
    return Workshop(house, server, bucket, image_url)


class Workshop:
    def __init__(self, house, server, bucket, image_url):
        self.house, self.server, self.bucket, self.image_url = house, server, bucket, image_url
        self.storage = ObjectStorage(f"s3://{bucket}/avatar")
        self.pipeline = RememberingPipeline(house.engines, MediaLimits())
        self.early = 0
        """Parts that had arrived before the last frame was written."""

    def run(self, engine, *, seconds):
        self.house.engine = engine
        task = self.house.submit(image_url=self.image_url, audio_url=tone_data_url(seconds))
        runner = self.house.runner(storage=self.storage, parts=self.storage.parts, pipeline=self.pipeline)
        runner.run(runner.claim())
        return self.house.task(task)

    def wait_for_a_part(self):
        for _ in range(600):
            for upload in self.server.unfinished_uploads(self.bucket):
                place = {"Bucket": self.bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                self.early = len(self.server.client.list_parts(**place).get("Parts", []))
                if self.early:
                    return
            threading.Event().wait(0.1)
        pytest.fail("no part has arrived")

    def stored(self, key):
        return self.server.client.get_object(Bucket=self.bucket, Key=f"avatar/{key}")["Body"].read()


@pytest.mark.slow
def test_a_long_video_has_arrived_in_part_before_it_is_finished_and_is_the_file_that_was_rendered(workshop, tmp_path):
    task = workshop.run(NoiseEngine(workshop.wait_for_a_part), seconds=1.6)
    assert task.status is TaskStatus.COMPLETED, task.failure
    assert workshop.early >= 1
    (output,) = task.outputs
    video = workshop.stored(output.key)
    assert [hashlib.sha256(video).hexdigest()] == workshop.pipeline.digests
    assert len(video) == output.size > 15_000_000
    (tmp_path / "video.mp4").write_bytes(video)
    assert read_manifest(tmp_path / "video.mp4").intact
    head = workshop.server.client.head_object(Bucket=workshop.bucket, Key=f"avatar/{output.key}")
    assert head["ContentType"] == "video/mp4"
    assert workshop.server.unfinished_uploads(workshop.bucket) == []


def test_a_short_video_is_stored_in_one_go(workshop, monkeypatch):
    monkeypatch.setattr(early_upload, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr("spark_avatar.storage.s3_parts.S3Parts.begin", lambda *_: pytest.fail("an upload was begun"))
    task = workshop.run(NoiseEngine(sides=(320, 180)), seconds=0.8)
    assert task.status is TaskStatus.COMPLETED, task.failure
    assert [hashlib.sha256(workshop.stored(task.outputs[0].key)).hexdigest()] == workshop.pipeline.digests


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(early_upload, "PART_BYTES", SMALL)
    monkeypatch.setattr(early_upload, "_POLL_SECONDS", 0.01)


@pytest.mark.parametrize("status", [500, 503])
def test_a_store_that_takes_no_parts_for_a_while_gets_the_video_in_the_end(workshop, proxy, small_parts, status):
    proxy.fault = lambda method, path: status if "partNumber" in path and proxy.refused < 3 else None

    def wait_for_refusals():
        for _ in range(600):
            if proxy.refused == 3:
                return
            threading.Event().wait(0.05)
        pytest.fail("no part was sent")

    task = workshop.run(NoiseEngine(wait_for_refusals, sides=(320, 180)), seconds=3)
    assert task.status is TaskStatus.COMPLETED, task.failure
    assert [hashlib.sha256(workshop.stored(task.outputs[0].key)).hexdigest()] == workshop.pipeline.digests
    assert workshop.server.unfinished_uploads(workshop.bucket) == []


def test_a_canceled_task_leaves_no_part(workshop, small_parts):
    house = workshop.house

    def cancel():
        workshop.wait_for_a_part()
        (task,) = house.store.running()
        house.tasks.cancel_or_delete(task.id, caller=CALLER)

    task = workshop.run(NoiseEngine(cancel, sides=(320, 180)), seconds=3)
    assert (task.status, task.failure.code) == (TaskStatus.FAILED, "003016031")
    assert workshop.server.unfinished_uploads(workshop.bucket) == []
    assert workshop.server.keys(workshop.bucket) == []


def test_what_a_killed_worker_sent_is_removed_with_its_claim(workshop):
    house = workshop.house
    house.submit(image_url=workshop.image_url, audio_url=tone_data_url(1))
    task = house.runner().claim()
    workshop.storage.parts.begin(output_key(task.account_id, task.id, 1)).send(2, b"of a video")
    Recovery(house.store, workshop.storage, house.work_dir).worker_ended("server/1")
    assert house.task(task).status is TaskStatus.QUEUED
    assert workshop.server.unfinished_uploads(workshop.bucket) == []


@pytest.mark.parametrize("reason", [HandedBack, StorageUnavailable, ValueError])
def test_a_task_that_ends_otherwise_leaves_no_part(workshop, small_parts, reason):
    def fail():
        workshop.wait_for_a_part()
        raise reason

    task = workshop.run(NoiseEngine(fail, sides=(320, 180)), seconds=3)
    assert task.status is (TaskStatus.QUEUED if reason is HandedBack else TaskStatus.FAILED)
    assert workshop.server.unfinished_uploads(workshop.bucket) == []
    assert workshop.server.keys(workshop.bucket) == []
