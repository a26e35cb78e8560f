"""A setting that asks for libraries that are not there says which command brings them."""

import sys

import pytest

from spark_avatar.api import rate_limits
from spark_avatar.app.accounts import account_services
from spark_avatar.app.broker import open_dispatcher
from spark_avatar.config import Settings
from spark_avatar.errors import LibraryMissing
from spark_avatar.tracing import start_tracing

COMMAND = r"pip install --no-deps --require-hashes -r requirements/scale\.txt"
OIDC = {"oidc_issuer": "https://login.example.org", "oidc_client_id": "avatar", "oidc_client_secret": "hidden"}
FLEET = {
    "broker_url": "amqp://guest:guest@127.0.0.1:5672//",
    "database_url": "postgresql://avatar@127.0.0.1/avatar",
    "secret_key": "k" * 32,
}


def hide(monkeypatch, *modules):
    """As if they had never been installed."""
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)


def test_traces(monkeypatch):
    hide(monkeypatch, "opentelemetry.sdk.trace")
    with pytest.raises(LibraryMissing, match=COMMAND):
        start_tracing()


def test_signing_in_by_openid_connect(monkeypatch, tmp_path):
    hide(monkeypatch, "spark_avatar.accounts.openid_connect")
    with pytest.raises(LibraryMissing, match=COMMAND):
        account_services(Settings(data_dir=tmp_path, **OIDC), None, None, lambda _model: True)


def test_a_broker(monkeypatch, tmp_path):
    hide(monkeypatch, "spark_avatar.dispatch.celery_queue.dispatcher")
    with pytest.raises(LibraryMissing, match=COMMAND):
        open_dispatcher(Settings(data_dir=tmp_path, **FLEET))


def test_rate_limits_in_redis(monkeypatch):
    def missing(*_args, **_options):
        raise rate_limits.limits.errors.ConfigurationError("redis prerequisite not available")

    monkeypatch.setattr(rate_limits, "RedisStorage", missing)
    with pytest.raises(LibraryMissing, match=COMMAND):
        rate_limits._store("redis://127.0.0.1:6379/0")
