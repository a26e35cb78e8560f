"""What `doctor` asks of databases, stores and files that the settings name."""

import socket
import time
from types import SimpleNamespace

import pytest
from kombu import Connection
from limits.storage import RedisStorage
from typer.testing import CliRunner

from spark_avatar.app.openings import open_tasks
from spark_avatar.cli import doctor
from spark_avatar.cli.app import cli
from spark_avatar.config import Settings
from spark_avatar.provenance.certificate import new_credentials

PASSWORD = "p4ssw0rd"


@pytest.fixture
def check(monkeypatch, tmp_path):
    """Runs it without its slow looks at models and codecs; returns the exit code and its lines by what they are about."""
    for name in ("_encoder", "_face_models", "_weights"):
        monkeypatch.setattr(doctor, name, lambda: doctor.Finding("skipped", True, ""))

    def run(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"SPARK_AVATAR_{name}", str(value))
        done = CliRunner().invoke(cli, ["doctor", "--data-dir", str(tmp_path / "data")])
        assert PASSWORD not in done.output
        lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
        return done.exit_code, {rest[:14].strip(): (word, rest[15:]) for word, rest in lines}

    return run


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def test_a_fresh_installation_is_fine_and_stays_untouched(check, tmp_path):
    code, found = check()
    assert code == 0
    assert found["database"] == ("ok", "SQLite, not made yet")
    assert not {"rate limits", "trust", "settings"} & set(found)
    assert not (tmp_path / "data").exists()


def test_a_database_in_the_data_folder_is_asked(check, tmp_path):
    open_tasks(Settings(data_dir=tmp_path / "data"))._engine.dispose()
    assert check()[1]["database"] == ("ok", "SQLite answers")
    for file in (tmp_path / "data").glob("*.sqlite3*"):
        file.write_bytes(b"no database" * 1000)
    code, found = check()
    assert (code, found["database"][0]) == (1, "MISSING")
    assert "damaged" in found["database"][1]


def test_a_postgresql_that_nothing_listens_at(check, closed_port):
    began = time.monotonic()
    code, found = check(DATABASE_URL=f"postgresql://anna:{PASSWORD}@127.0.0.1:{closed_port}/avatar")
    assert (code, found["database"][0]) == (1, "MISSING")
    assert "SPARK_AVATAR_DATABASE_URL" in found["database"][1]
    assert time.monotonic() - began < 30


FLEET = {"DATABASE_URL": "postgresql://anna@127.0.0.1:9/x", "SECRET_KEY": "a long enough secret"}


def test_a_broker_that_nothing_listens_at(check, closed_port):
    began = time.monotonic()
    code, found = check(BROKER_URL=f"amqp://anna:{PASSWORD}@127.0.0.1:{closed_port}//", **FLEET)
    assert (code, found["broker"][0]) == (1, "MISSING")
    assert "SPARK_AVATAR_BROKER_URL" in found["broker"][1]
    assert "ConnectionRefusedError" in found["broker"][1]
    assert time.monotonic() - began < 30


def test_a_broker_that_cannot_be_one(check):
    assert "amqp://USER" in check(BROKER_URL="redis://127.0.0.1", **FLEET)[1]["broker"][1]
    assert "SPARK_AVATAR_SECRET_KEY" in check(BROKER_URL="amqp://127.0.0.1", **FLEET | {"SECRET_KEY": ""})[1]["broker"][1]


def test_a_broker_that_answers(check, monkeypatch):
    monkeypatch.setattr(Connection, "ensure_connection", lambda *_, **__: None)
    monkeypatch.setattr(Connection, "connection", SimpleNamespace(server_properties={"product": "RabbitMQ", "version": "4.1.0"}))
    assert check(BROKER_URL="amqp://127.0.0.1", **FLEET)[1]["broker"] == ("ok", "RabbitMQ 4.1.0 answers")


def test_a_redis_that_nothing_listens_at(check, closed_port):
    code, found = check(RATE_STORE_URL=f"redis://:{PASSWORD}@127.0.0.1:{closed_port}/0")
    assert (code, found["rate limits"][0]) == (1, "MISSING")
    assert "SPARK_AVATAR_RATE_STORE_URL" in found["rate limits"][1]


def test_a_store_of_rate_limits_that_cannot_be_one(check):
    code, found = check(RATE_STORE_URL="http://127.0.0.1")
    assert (code, found["rate limits"][0]) == (1, "MISSING")


def test_a_redis_that_answers(check, monkeypatch):
    monkeypatch.setattr(RedisStorage, "check", lambda _self: True)
    assert check(RATE_STORE_URL="redis://127.0.0.1:6379/0")[1]["rate limits"] == ("ok", "Redis answers")


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_trust_file_that_cannot_be_used(check, tmp_path, content):
    file = tmp_path / "trust.pem"
    if content is not None:
        file.write_bytes(content)
    code, found = check(PROVENANCE_TRUST=file)
    assert (code, found["trust"][0]) == (1, "MISSING")
    assert "SPARK_AVATAR_PROVENANCE_TRUST" in found["trust"][1]


def test_a_trust_file_that_can_be_used(check, tmp_path):
    file = tmp_path / "trust.pem"
    file.write_bytes(new_credentials().chain)
    assert check(PROVENANCE_TRUST=file)[1]["trust"] == ("ok", "2 certificates to believe")


def test_a_misspelt_setting_is_a_warning_that_names_the_right_one(check):
    code, found = check(WORKRES="2", QUITE_ANOTHER_WORD_ZZZ="", API_KEY="sk-spark-x")
    assert code == 0
    assert found["settings"] == ("warning", "SPARK_AVATAR_WORKRES is no setting: SPARK_AVATAR_WORKERS is")


@pytest.mark.parametrize("inside", [True, False])
def test_what_kubernetes_tells_of_its_services_is_no_misspelt_setting(check, monkeypatch, inside):
    if inside:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    else:
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    _, found = check(PORT="tcp://10.0.0.2:80", PORT_80_TCP_ADDR="10.0.0.2", SERVICE_PORT_HTTP="80", REDIS_SERVICE_HOST="10.0.0.3")
    assert ("settings" in found) is not inside
