"""Fixtures for what lies on S3, to be imported: a server, a bucket of one test, and a way to it that can be made to fail."""

import pytest
from s3_server import ENVIRONMENT, FaultyProxy, s3_server


@pytest.fixture(scope="module")
def server():
    with s3_server() as running:
        yield running


@pytest.fixture
def bucket(server, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    return server.new_bucket()


@pytest.fixture
def proxy(server, bucket, monkeypatch):
    """Storages that are opened from now on go through it."""
    running = FaultyProxy(server.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
    yield running
    running.close()
