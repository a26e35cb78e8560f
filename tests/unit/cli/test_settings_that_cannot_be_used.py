"""Wrong settings, folders and databases end in one line that says what to change, and in the exit code of the docs."""

import errno
import json
import os
import socket
import sqlite3
import sys

import pytest
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError, ProgrammingError
from typer.testing import CliRunner

from spark_avatar.cli import app
from spark_avatar.cli.faults import mendable
from spark_avatar.cli.options import load_settings, load_store_settings
from spark_avatar.config import Settings
from spark_avatar.errors import ConfigurationError, DatabaseUnavailable
from spark_avatar.service.addresses import AllowList

PASSWORD = "p4ssw0rd"


@pytest.fixture
def end(monkeypatch, capsys, tmp_path):
    """Runs the program, with a data folder of its own; returns the exit code and what it says."""
    monkeypatch.setenv("SPARK_AVATAR_DATA_DIR", str(tmp_path / "data"))

    def run(*words, **variables):
        with monkeypatch.context() as during:
            during.setattr(sys, "argv", ["spark-avatar", *map(str, words)])
            for name, value in variables.items():
                during.setenv(f"SPARK_AVATAR_{name}", value)
            with pytest.raises(SystemExit) as ended:
                app.main()
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "Traceback" not in said
        return ended.value.code, said

    return run


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("PRICES", "{bad", "JSON object"),
        ("PRICES", "[1]", "dictionary"),
        ("PRICES", '{"my_model": {"per_second": "much"}}', "(my_model, per_second)"),
        ("COMFYUI_HEADERS", f'{{"Authorization": {PASSWORD}', "JSON object"),
        ("FETCH_ALLOW", "1.2.3.4/99", "'1.2.3.4/99' is no network"),
        ("FETCH_ALLOW", "media.intranet,http://media.intranet", "is no network"),
        ("FETCH_ALLOW", "media.intranet:8080", "without scheme, port"),
        ("MODELS", "m=portrait, m = portrait", "twice"),
        ("WORKERS", "many", "integer"),
        ("SECRET_KEY", "x", "16 random characters"),
        ("RATE_PER_KEY", "fast", "600/minute"),
        ("RATE_PER_ADDRESS", "0/minute", "600/minute"),
        ("RATE_PER_ADDRESS", "600/minute;5/second", "one count"),
        ("RATE_STORE_URL", "redis://127.0.0.1:99999", "65535"),
        ("RATE_STORE_URL", f"redis://:{PASSWORD}@127.0.0.1:port", "65535"),
        ("STORAGE_URL", "memory://", "another process's memory"),
        ("LINK_SECONDS", "1000000000000", "less than or equal"),
        ("KEEP_DAYS", "inf", "finite"),
        ("OIDC_ISSUER", "nonsense", "https://login.example.org"),
        ("MODELS", "only-a-name", "MODEL=ENGINE"),
        ("PUBLIC_URL", "avatar.example.org", "https://avatar.example.org"),
        ("PUBLIC_URL", "https://example.org/avatar", "no path"),
        ("DATABASE_URL", f"postgresql://anna:{PASSWORD}@127.0.0.1:port/x", "postgresql://USER"),
        ("DATABASE_URL", f"postgresql://anna:a@{PASSWORD}@127.0.0.1/x", "%40"),
        ("DATABASE_URL", f"anna {PASSWORD}", "sqlite:///path"),
    ],
)
def test_a_wrong_setting_is_named(end, name, value, hint):
    code, said = end("keys", "list", **{name: value})
    assert code == 4
    assert said.startswith(f"error: The settings cannot be used: SPARK_AVATAR_{name}")
    assert hint in said
    assert PASSWORD not in said


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_whatever_a_setting_holds_only_errors_of_ours_come(monkeypatch, name):
    monkeypatch.setenv(f"SPARK_AVATAR_{name.upper()}", "{bad")
    try:
        load_settings()
    except ConfigurationError as error:
        assert f"SPARK_AVATAR_{name.upper()}:" in error.message  # noqa: PT017 - most names take any text


def test_json_objects_are_read(monkeypatch):
    monkeypatch.setenv("SPARK_AVATAR_PRICES", '{"m": {"per_second": "0.5"}}')
    monkeypatch.setenv("SPARK_AVATAR_COMFYUI_HEADERS", json.dumps({"Authorization": PASSWORD}))
    settings = load_settings()
    assert {name: str(price) for name, price in settings.prices["m"].items()} == {"per_second": "0.5"}
    assert settings.comfyui_headers["Authorization"].get_secret_value() == PASSWORD


@pytest.mark.parametrize("entry", ["10.0.0.0/8", "10.0.0.1/8", "::1", "[::1]", "fd00::/8", "media.intranet", "127.0.0.1"])
def test_networks_that_the_fetcher_takes_may_be_set(entry):
    assert AllowList.parse(Settings(fetch_allow=f" {entry},").fetch_allow) == AllowList.parse([entry])


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "10.0.0.0/x", "media/8", "/", "[fd00::]/8"])
def test_networks_that_it_does_not_take_may_not(entry):
    with pytest.raises(ValueError, match="does not appear to be"):
        AllowList.parse([entry])
    with pytest.raises(ValidationError, match="is no network"):
        Settings(fetch_allow=entry)


@pytest.mark.parametrize(
    "entry",
    [
        "*.intranet",
        ".intranet",
        "media..intranet",
        "10.1",
        "10.0.0.256",
        "0x7f",
        "bücher.intranet",
        "a b",
        "me@media",
        "[media]",
        "-a",
    ],
)
def test_hosts_that_nothing_would_match_may_not(entry):
    with pytest.raises(ValidationError, match="is no host"):
        Settings(fetch_allow=entry)


@pytest.mark.parametrize("entry", ["Media_1.intranet.", "localhost", "xn--bcher-kva.intranet", "10.media", "1a", "a-b"])
def test_names_of_hosts_may(entry):
    assert Settings(fetch_allow=entry).fetch_allow == (entry,)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://avatar.example.org", "https://avatar.example.org"),
        ("https://avatar.example.org/", "https://avatar.example.org"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://Avatar.example.org", "https://Avatar.example.org"),
        ("", None),
    ],
)
def test_a_public_url_is_an_origin(given, kept):
    assert Settings(public_url=given).public_url == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", None),
        ("sqlite:////srv/a@b/x.sqlite3", "sqlite:////srv/a@b/x.sqlite3"),
        ("postgresql://anna:a%40b@db:5432/x", "postgresql://anna:a%40b@db:5432/x"),
        ("postgresql:///x?host=/run/postgresql", "postgresql:///x?host=/run/postgresql"),
    ],
)
def test_a_database_url_is_kept_as_it_is(given, kept):
    assert Settings(database_url=given).database_url == kept


@pytest.mark.parametrize(
    "given",
    [
        "avatar.example.org",
        "avatar.example.org:8000",
        "//avatar.example.org",
        "ftp://avatar.example.org",
        "https://",
        "https:///",
        "https://:8000",
        "https://avatar.example.org:port",
        "https://avatar.example.org:99999",
        "https://avatar.example.org/studio",
        "https://avatar.example.org//",
        "https://avatar.example.org?",
        "https://avatar.example.org#top",
        "https://anna:secret@avatar.example.org",
        "https://avatar example.org",
        "https://avatar.example.org\n",
        "https://[::1",
    ],
)
def test_a_public_url_is_nothing_else(given):
    with pytest.raises(ValidationError, match="write scheme, host and port alone"):
        Settings(public_url=given)


def test_an_account_that_is_not_there(end):
    assert end("tasks", "list", "--account", "studi")[0] == end("users", "disable", "anna@example.org")[0] == 1
    assert "There is no account 'studi'" in end("audit", "--account", "studi")[1]


@pytest.mark.parametrize(
    "words", [("serve", "--port", "0"), ("worker",), ("keys", "create", "--name", "n"), ("doctor", "--audit"), ("users", "list")]
)
def test_a_data_folder_that_is_a_file(end, tmp_path, words):
    file = tmp_path / "file"
    file.touch()
    code, said = end(*words, "--data-dir", file)
    assert code == 4
    assert f"The data folder {file} cannot be used: it is a file" in said
    assert end(*words, "--data-dir", file / "below")[0] == 4


@pytest.mark.skipif(sys.platform != "linux", reason="names a folder of Linux in which nothing can be made")
def test_a_data_folder_that_cannot_be_made(end):
    assert end("serve", "--port", "0", "--data-dir", "/proc/nope")[0] == 4
    assert end("keys", "list", "--data-dir", "/proc/nope")[0] == 4


def test_a_data_folder_that_may_not_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who runs tests in containers, may write anywhere
    with pytest.raises(ConfigurationError, match="it may not be written to"):
        load_store_settings(tmp_path)


def test_a_data_folder_is_made_for_its_owner_and_only_where_the_database_is_in_it(tmp_path, monkeypatch):
    load_store_settings(tmp_path / "kept" / "here")
    assert (tmp_path / "kept" / "here").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("SPARK_AVATAR_DATABASE_URL", "postgresql://127.0.0.1/x")
    load_store_settings(tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_log_level_that_there_is_not(command):
    done = CliRunner().invoke(app.cli, [command, "--log-level", "loud"])
    assert done.exit_code == 2
    assert "'loud'" in done.stderr


@pytest.mark.parametrize("words", [("backup",), ("accounts", "export", "default")])
def test_a_file_in_a_folder_that_is_not_there(end, tmp_path, words):
    code, said = end(*words, tmp_path / "nowhere" / "file")
    assert code == 3
    assert f"there is no folder {tmp_path / 'nowhere'}" in said
    assert not (tmp_path / "nowhere").exists()


def test_a_database_that_does_not_answer(end):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens: connections are refused
        port = nobody.getsockname()[1]
        code, said = end("keys", "list", DATABASE_URL=f"postgresql://anna:{PASSWORD}@127.0.0.1:{port}/x")
    assert code == 1
    assert "SPARK_AVATAR_DATABASE_URL" in said
    assert f"port {port}" in said
    assert PASSWORD not in said


def test_a_database_that_is_none(end, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "spark-avatar.sqlite3").write_text("no database, whatever its name says\n" * 100)
    code, said = end("keys", "list")
    assert code == 4
    assert "Restore a backup" in said


@pytest.mark.parametrize(
    ("extended", "kind", "word"),
    [
        (sqlite3.SQLITE_FULL, "003016095", "disk is full"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "003016095", "fails, or is full"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, DatabaseUnavailable.code, "busy"),
        (sqlite3.SQLITE_READONLY_DBMOVED, ConfigurationError.code, "SPARK_AVATAR_DATA_DIR"),
        (sqlite3.SQLITE_CANTOPEN, ConfigurationError.code, "SPARK_AVATAR_DATA_DIR"),
    ],
)
def test_what_sqlite_says(extended, kind, word):
    cause = sqlite3.OperationalError("as SQLite says it")
    cause.sqlite_errorcode = extended
    for error in (cause, OperationalError("INSERT", {}, cause)):
        told = mendable(error)
        assert told is not None
        assert told.code == kind
        assert word in told.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(number):
    told = mendable(OSError(number, os.strerror(number)))
    assert told is not None
    assert "disk is full" in told.message


def test_a_file_that_is_refused():
    told = mendable(PermissionError(errno.EACCES, "Permission denied", "/srv/secret"))
    assert isinstance(told, ConfigurationError)
    assert "/srv/secret cannot be used: Permission denied" in told.message


@pytest.mark.parametrize(
    "fault",
    [
        KeyError("name"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "weights"),
        OSError("without a number"),
        sqlite3.OperationalError("no such table: tasks"),
        ProgrammingError("SELECT", {}, Exception("no such column")),
    ],
)
def test_faults_of_the_program_keep_their_traceback(fault, monkeypatch):
    assert mendable(fault) is None

    def fail():
        raise fault

    monkeypatch.setattr(app, "cli", fail)
    with pytest.raises(type(fault)):
        app.main()


@pytest.mark.parametrize("name", sorted({*Settings.model_fields} - {"rate_per_key", "rate_per_address"}))
def test_an_empty_variable_says_nothing(monkeypatch, name):
    usual = load_settings()
    monkeypatch.setenv(f"SPARK_AVATAR_{name.upper()}", "")
    assert load_settings() == usual


def test_a_rate_may_be_empty(monkeypatch):
    monkeypatch.setenv("SPARK_AVATAR_RATE_PER_KEY", "")
    assert load_settings().rate_per_key == ""


def test_a_provider_needs_an_id_and_a_secret(end):
    provider = {"OIDC_ISSUER": "https://login.example.org"}
    assert "SPARK_AVATAR_OIDC_CLIENT_ID: " in end("keys", "list", **provider)[1]
    assert "SPARK_AVATAR_OIDC_CLIENT_SECRET: " in end("keys", "list", **provider, OIDC_CLIENT_ID="avatar")[1]


@pytest.mark.parametrize("url", ["sqlite:////proc/nope/x.db", "sqlite:////etc/passwd/x.db"])
def test_a_database_where_none_can_be_is_told_in_a_line(end, url):
    for words in (["keys", "list"], ["serve", "--port", "0"]):
        code, said = end(*words, DATABASE_URL=url)
        assert code == 4
        assert said.startswith("error: ")


def test_a_storage_where_none_can_be_is_told_in_a_line(end):
    assert "SPARK_AVATAR_STORAGE_URL" in end("serve", "--port", "0", STORAGE_URL="/proc/nope")[1]


def test_a_file_that_is_no_database_ends_the_server_in_a_line(end, tmp_path):
    (tmp_path / "x.db").write_text("words, many of them, and no database " * 100)
    assert "damaged" in end("serve", "--port", "0", DATABASE_URL=f"sqlite:///{tmp_path / 'x.db'}")[1]
