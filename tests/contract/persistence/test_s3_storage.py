"""Object storage on S3: the contract against a server that speaks it, and what only a cloud does."""

import threading
import time
import urllib.request

import pytest
from s3_fixtures import bucket, proxy, server
from storage_contract import KEY, LARGE, StorageContract, content_of, source

from spark_avatar.errors import ConfigurationError, ObjectNotFound, StorageUnavailable
from spark_avatar.storage import clouds
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.storage.storage import ObjectKey

__all__ = ["bucket", "proxy", "server", "source"]  # fixtures


class TestBucket(StorageContract):
    @pytest.fixture
    def storage(self, bucket):
        return ObjectStorage(f"s3://{bucket}")


class TestPrefix(StorageContract):
    @pytest.fixture
    def storage(self, server, bucket):
        yield ObjectStorage(f"s3://{bucket}/team/avatar")
        assert all(key.startswith("team/avatar/") for key in server.keys(bucket))


def test_a_large_file_goes_up_in_parts_and_none_is_left(server, bucket, source):
    storage = ObjectStorage(f"s3://{bucket}")
    storage.put(KEY, source(b"x" * LARGE))
    assert server.client.head_object(Bucket=bucket, Key=KEY)["ETag"].strip('"').endswith("-3"), "not three parts"
    assert server.unfinished_uploads(bucket) == []


def test_a_signed_address_reads_one_file_without_a_key_of_ours(server, bucket, source):
    storage = ObjectStorage(f"s3://{bucket}")
    storage.put(KEY, source(b"a video"))
    address = storage.presign(KEY, 600)
    assert "X-Amz-Expires=600" in address
    assert "secret" not in address
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"a video", "video/mp4")


@pytest.mark.parametrize("url", ["memory://", "folder"])
def test_other_storages_sign_no_addresses(tmp_path, url):
    storage = ObjectStorage(str(tmp_path) if url == "folder" else url)
    with pytest.raises(ConfigurationError):
        storage.presign(KEY, 600)


@pytest.mark.parametrize(
    ("settings", "kind", "key_id"),
    [
        ({"AWS_SERVER_SIDE_ENCRYPTION": "AES256"}, "AES256", None),
        ({"AWS_SERVER_SIDE_ENCRYPTION": "aws:kms", "AWS_SSE_KMS_KEY_ID": "key-1"}, "aws:kms", "key-1"),
    ],
)
@pytest.mark.parametrize("size", [10, LARGE])
def test_the_store_encrypts_as_the_environment_says(server, bucket, source, monkeypatch, settings, kind, key_id, size):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    storage = ObjectStorage(f"s3://{bucket}")
    storage.put(KEY, source(b"x" * size))
    head = server.client.head_object(Bucket=bucket, Key=KEY)
    assert head["ServerSideEncryption"] == kind
    assert head.get("SSEKMSKeyId") == key_id


class TestAMissingBucket:
    @pytest.fixture
    def storage(self, bucket):
        return ObjectStorage("s3://no-such-bucket-here")

    def test_a_check_says_so(self, storage):
        with pytest.raises(ConfigurationError, match="bucket"):
            storage.check()

    def test_writing_and_listing_say_so(self, storage, source):
        for call in (lambda: storage.put(KEY, b"1"), lambda: storage.put(KEY, source(b"x" * LARGE)), lambda: storage.list("a/")):
            with pytest.raises(ConfigurationError, match="bucket"):
                call()


def test_a_bucket_that_is_there_passes_the_check(bucket):
    ObjectStorage(f"s3://{bucket}/deep").check()


def test_refused_credentials_are_a_matter_of_configuration(bucket, proxy):
    proxy.fault = lambda method, path: 403
    storage = ObjectStorage(f"s3://{bucket}")
    for call in (storage.check, lambda: storage.put(KEY, b"1"), lambda: storage.head(KEY), lambda: storage.list("")):
        with pytest.raises(ConfigurationError, match="credentials"):
            call()


@pytest.fixture
def strict_server(server):
    """From now on the server checks credentials."""

    def check_from(count):
        body = urllib.request.Request(
            f"{server.endpoint}/moto-api/reset-auth", data=count, method="POST", headers={"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(body, timeout=10).close()

    yield lambda: check_from(b"0")
    check_from(b"inf")


def test_credentials_that_the_server_does_not_know_are_refused(strict_server, bucket):
    strict_server()
    with pytest.raises(ConfigurationError, match="credentials"):
        ObjectStorage(f"s3://{bucket}").check()


class TestFaults:
    @pytest.mark.parametrize("status", [500, 503])
    def test_an_upload_outlasts_a_server_that_fails_for_a_while(self, server, bucket, proxy, source, status):
        proxy.fault = lambda method, path: status if proxy.refused < 12 else None
        storage = ObjectStorage(f"s3://{bucket}")
        storage.put(KEY, source(b"y" * LARGE))
        assert proxy.refused >= 12
        assert storage.head(KEY).size == LARGE
        assert server.unfinished_uploads(bucket) == []

    def test_a_part_that_fails_in_the_middle_is_sent_again(self, bucket, proxy, source):
        met = set()

        def once_each(method, path):
            if method != "PUT" or "partNumber" not in path or path in met:
                return None
            met.add(path)
            return 500

        proxy.fault = once_each
        storage = ObjectStorage(f"s3://{bucket}")
        content = bytes(range(256)) * (LARGE // 256)
        storage.put(KEY, source(content))
        assert len(met) == 3
        assert content_of(storage, KEY) == content

    def test_reading_and_asking_outlast_it_too(self, bucket, proxy, source):
        storage = ObjectStorage(f"s3://{bucket}")
        storage.put(KEY, source(b"0123456789"))
        proxy.refused = 0
        proxy.fault = lambda method, path: 503 if proxy.refused < 6 else None
        assert content_of(storage, KEY) == b"0123456789"
        assert proxy.refused == 6

    @pytest.mark.parametrize("size", [10, LARGE])
    def test_a_server_that_falls_silent_is_asked_again(self, server, bucket, proxy, source, monkeypatch, size):
        monkeypatch.setattr(clouds, "_ANSWER_SECONDS", 0.5)
        met = []

        def silent_at_first(method, path):
            if method != "PUT" or len(met) >= 2:
                return None
            met.append(path)
            return "silent"

        proxy.fault = silent_at_first
        storage = ObjectStorage(f"s3://{bucket}")
        storage.put(KEY, source(b"z" * size))
        assert len(met) == 2
        assert storage.head(KEY).size == size

    def test_a_slow_server_is_waited_for(self, bucket, proxy, source):
        proxy.fault = lambda method, path: proxy.healed.wait(0.3)
        storage = ObjectStorage(f"s3://{bucket}")
        storage.put(KEY, source(b"z" * LARGE))
        assert storage.head(KEY).size == LARGE

    def test_patience_ends_and_nothing_is_left(self, server, bucket, proxy, source):
        proxy.fault = lambda method, path: 503 if method == "PUT" else None
        storage = ObjectStorage(f"s3://{bucket}", retry_seconds=0.5)
        with pytest.raises(StorageUnavailable):
            storage.put(KEY, source(b"y" * LARGE))
        proxy.heal()
        assert server.keys(bucket) == []
        assert server.unfinished_uploads(bucket) == []

    def test_a_check_does_not_wait_for_better_times(self, bucket, proxy):
        proxy.fault = lambda method, path: 503
        storage = ObjectStorage(f"s3://{bucket}")
        with pytest.raises(StorageUnavailable):
            storage.check()
        assert proxy.refused == 1

    def test_nobody_there_is_no_missing_file(self, bucket, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        storage = ObjectStorage(f"s3://{bucket}", retry_seconds=0)
        with pytest.raises(StorageUnavailable):
            storage.head(ObjectKey("a/b"))

    def test_other_threads_go_on_while_an_upload_waits(self, bucket, proxy, source):
        """The heartbeat of a task's claim is such a thread."""
        beats = []
        over = threading.Event()

        def beat():
            while not over.wait(0.01):
                beats.append(time.monotonic())

        thread = threading.Thread(target=beat)
        proxy.fault = lambda method, path: 503
        storage = ObjectStorage(f"s3://{bucket}")
        uploading = threading.Thread(target=storage.put, args=(KEY, source(b"x" * LARGE)))
        uploading.start()
        thread.start()
        while proxy.refused < 5:
            assert uploading.is_alive()
            over.wait(0.01)
        assert len(beats) >= 5
        proxy.heal()
        uploading.join(30)
        over.set()
        thread.join()
        assert storage.head(KEY).size == LARGE


def test_a_file_that_is_gone_is_not_found_however_it_is_asked_for(bucket):
    storage = ObjectStorage(f"s3://{bucket}")
    with pytest.raises(ObjectNotFound):
        storage.read(KEY, 0, 4)
