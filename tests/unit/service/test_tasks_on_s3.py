"""A task whose video goes to S3, while that fails: it completes afterwards, or fails with a reason; nothing is left behind."""

import pytest
from s3_fixtures import bucket, proxy, server
from service_house import House

from spark_avatar.storage.keys import output_key, shown_keys
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.task import TaskStatus

__all__ = ["bucket", "proxy", "server"]  # fixtures


def submitted(house: House, image_url, audio_url):
    return house.submit(image_url=image_url, audio_url=audio_url)


def to_outputs(status, most=10**6):
    """Fails uploads of videos, the first `most` of them."""
    met = []

    def fault(method, path):
        if method in ("PUT", "POST") and "/outputs/" in path and len(met) < most:
            met.append(path)
            return status
        return None

    return fault


@pytest.mark.parametrize("status", [500, 503])
def test_a_video_is_stored_when_the_storage_is_back(status, house, server, proxy, bucket, image_url, audio_url):
    storage = ObjectStorage(f"s3://{bucket}/avatar")
    task = submitted(house, image_url, audio_url)
    proxy.fault = to_outputs(status, most=8)
    runner = house.runner(storage=storage)
    runner.run(runner.claim())
    ended = house.task(task)
    assert ended.status is TaskStatus.COMPLETED
    assert proxy.refused == 8
    assert sorted(server.keys(bucket)) == [
        f"avatar/{key}" for key in sorted(shown_keys(output_key(ended.account_id, ended.id, 1)))
    ]
    assert storage.head(ended.outputs[0].key).size == ended.outputs[0].size


def test_a_task_fails_with_a_reason_when_it_does_not_come_back(house, server, proxy, bucket, image_url, audio_url):
    task = submitted(house, image_url, audio_url)
    proxy.fault = to_outputs(503)
    runner = house.runner(storage=ObjectStorage(f"s3://{bucket}", retry_seconds=0.5))
    runner.run(runner.claim())
    ended = house.task(task)
    assert (ended.status, ended.failure.code) == (TaskStatus.FAILED, "003016095")
    assert "storage" in ended.failure.message
    assert server.keys(bucket) == []
    assert server.unfinished_uploads(bucket) == []
    assert house.scratch() == []
