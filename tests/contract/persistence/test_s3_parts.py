"""Parts in any order, on a server that speaks S3: the object is the one that `put` would have made."""

import subprocess
import sys
from datetime import timedelta

import pytest
from s3_fixtures import bucket, proxy, server
from storage_contract import KEY, content_of, source

from spark_avatar.errors import StorageUnavailable
from spark_avatar.storage import s3_parts
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.storage.parts import PART_BYTES
from spark_avatar.storage.storage import ObjectKey

__all__ = ["bucket", "proxy", "server", "source"]  # fixtures
FRONT, BLOCK, END = b"f" * (PART_BYTES + 5000), b"b" * PART_BYTES, b"end"
VIDEO = FRONT + BLOCK + END


def send_all(upload):
    upload.send(2, BLOCK)
    upload.send(3, END)
    upload.send(1, FRONT)


@pytest.mark.parametrize("prefix", ["", "/team/avatar"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"AWS_SERVER_SIDE_ENCRYPTION": "AES256"},
        {"AWS_SERVER_SIDE_ENCRYPTION": "aws:kms", "AWS_SSE_KMS_KEY_ID": "key-1"},
    ],
)
def test_parts_that_came_in_any_order_are_the_object_that_put_would_have_made(
    server, bucket, source, monkeypatch, prefix, settings
):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    storage = ObjectStorage(f"s3://{bucket}{prefix}")
    other = ObjectKey("outputs/anna/task/2.mp4")
    storage.put(other, source(VIDEO))
    upload = storage.parts.begin(KEY)
    send_all(upload)
    assert KEY not in [stored.key for stored in storage.list("outputs/")]
    upload.complete()
    assert content_of(storage, KEY) == VIDEO
    one, two = (server.client.head_object(Bucket=bucket, Key=f"{prefix}/{key}".lstrip("/")) for key in (KEY, other))
    same = ("ContentLength", "ContentType", "ServerSideEncryption", "SSEKMSKeyId", "Metadata", "StorageClass")
    assert {name: one.get(name) for name in same} == {name: two.get(name) for name in same}
    assert server.unfinished_uploads(bucket) == []


def test_an_upload_that_is_given_up_leaves_nothing(server, bucket):
    upload = ObjectStorage(f"s3://{bucket}").parts.begin(KEY)
    upload.send(2, BLOCK)
    assert len(server.unfinished_uploads(bucket)) == 1
    upload.abort()
    upload.abort()
    assert (server.unfinished_uploads(bucket), server.keys(bucket)) == ([], [])


def test_a_part_that_fails_for_a_moment_is_sent_again(bucket, proxy):
    storage = ObjectStorage(f"s3://{bucket}")
    upload = storage.parts.begin(KEY)
    proxy.fault = lambda method, path: 503 if "partNumber=2" in path and proxy.refused < 2 else None
    send_all(upload)
    upload.complete()
    assert proxy.refused == 2
    assert content_of(storage, KEY) == VIDEO


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_store_that_fails_says_so_soon(server, bucket, proxy, status):
    upload = ObjectStorage(f"s3://{bucket}").parts.begin(KEY)
    proxy.fault = lambda method, path: status if method == "PUT" else None
    with pytest.raises(StorageUnavailable):
        upload.send(2, BLOCK)
    assert proxy.refused <= 3
    upload.abort()
    assert server.unfinished_uploads(bucket) == []


def test_a_missing_bucket_is_an_outage_like_any_other(bucket):
    with pytest.raises(StorageUnavailable):
        ObjectStorage("s3://no-such-bucket-here").parts.begin(KEY)


def test_a_store_that_refuses_parts_of_such_sizes_is_not_asked_again(server, bucket):
    """As Cloudflare's R2 wants all parts but the last of one size; this server refuses small ones."""
    storage = ObjectStorage(f"s3://{bucket}")
    upload = storage.parts.begin(KEY)
    upload.send(1, b"small")
    upload.send(2, END)
    with pytest.raises(StorageUnavailable):
        upload.complete()
    upload.abort()
    with pytest.raises(StorageUnavailable):
        storage.parts.begin(KEY)
    assert server.unfinished_uploads(bucket) == []


@pytest.mark.parametrize(
    "name", ["AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "AWS_CHECKSUM_ALGORITHM", "AWS_SSE_CUSTOMER_KEY_BASE64", "AWS_TOKEN"]
)
def test_settings_that_only_obstore_follows_leave_it_to_obstore(server, bucket, monkeypatch, name):
    monkeypatch.setenv(name, "sha256")
    with pytest.raises(StorageUnavailable):
        s3_parts.S3Parts(bucket, "").begin(KEY)
    assert server.unfinished_uploads(bucket) == []


def test_profiles_of_other_tools_have_no_say(server, bucket, monkeypatch, tmp_path):
    """obstore does not read them either."""
    profile = tmp_path / "config"
    profile.write_text("[default]\naws_access_key_id = other\naws_secret_access_key = other\nendpoint_url = http://127.0.0.1:9\n")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(profile))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    ObjectStorage(f"s3://{bucket}").parts.begin(KEY).abort()


@pytest.mark.parametrize("url", ["memory://", "folder"])
def test_other_storages_take_no_parts(tmp_path, url):
    assert ObjectStorage(str(tmp_path) if url == "folder" else url).parts is None


def test_nothing_is_loaded_for_it_before_it_is_wanted():
    code = (
        "import sys\n"
        "from spark_avatar.storage.object_storage import ObjectStorage\n"
        "ObjectStorage('memory://').sweep(); ObjectStorage('s3://bucket').parts\n"
        "assert 'botocore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestSweeping:
    @pytest.fixture
    def storage(self, bucket):
        storage = ObjectStorage(f"s3://{bucket}/avatar")
        for key in (KEY, ObjectKey("outputs/anna/task2/1.mp4")):
            storage.parts.begin(key).send(2, BLOCK)
        return storage

    def test_what_a_dead_worker_sent_of_a_task_is_removed(self, server, bucket, storage):
        assert storage.sweep("outputs/anna/task/", older_than=timedelta(0)) == 1
        assert [found["Key"] for found in server.unfinished_uploads(bucket)] == ["avatar/outputs/anna/task2/1.mp4"]

    def test_an_old_one_is_removed(self, server, bucket, storage):
        """This server says of every upload that it began in 2010."""
        assert storage.sweep() == 2
        assert server.unfinished_uploads(bucket) == []

    def test_one_that_may_be_under_way_is_left_alone(self, server, bucket, storage, monkeypatch):
        monkeypatch.setattr(s3_parts, "_LEFT_BEHIND", timedelta(days=36_500))
        assert storage.sweep() == 0
        assert len(server.unfinished_uploads(bucket)) == 2

    def test_uploads_of_others_in_the_bucket_are_none_of_ours(self, server, bucket, storage):
        for key in ("avatar/backups/1", "outputs/anna/task/1.mp4"):
            server.client.create_multipart_upload(Bucket=bucket, Key=key)
        assert storage.sweep(older_than=timedelta(0)) == 2
        assert len(server.unfinished_uploads(bucket)) == 2

    def test_a_store_that_does_not_list_them_is_left_to_its_rule(self, bucket, proxy):
        proxy.fault = lambda method, path: 403
        assert ObjectStorage(f"s3://{bucket}").sweep() == 0
