"""A database that does not answer is waited for; one of a later release is left as it is."""

import io
import json
import logging
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from spark_avatar.app.logs import begin_logging
from spark_avatar.database import patience
from spark_avatar.database.engine import open_database, reading, writing
from spark_avatar.database.migrate import newest_revision, upgrade, upgrade_when_there
from spark_avatar.database.patience import is_full, outage_in, unless_full, wait_for_database
from spark_avatar.dispatch.sql_roster import SqlRoster
from spark_avatar.service.recovery import Sweeper
from spark_avatar.tasks.sql.patient import insist
from spark_avatar.telemetry import Logging

SILENCE = OperationalError("SELECT 1", {}, Exception("connection refused\nIs the server running?"))


class Silent:
    """Answers at the nth call."""

    def __init__(self, nth: int, error: Exception = SILENCE) -> None:
        self.calls, self._nth, self._error = 0, nth, error

    def __call__(self) -> None:
        self.calls += 1
        if self.calls < self._nth:
            raise self._error


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE_SECONDS", 0.001)


def test_it_is_asked_until_it_answers_and_the_log_says_so_once(caplog: pytest.LogCaptureFixture):
    call, told = Silent(50), []
    with caplog.at_level(logging.INFO):
        assert wait_for_database(call, on_away=lambda: told.append(call.calls))
    assert (call.calls, told) == (50, [1])
    assert [record.getMessage() for record in caplog.records] == [
        "the database does not answer; waiting for it",
        "the database answers",
    ]
    assert caplog.records[0].__dict__["error"] == "connection refused"


def test_one_that_answers_at_once_is_not_spoken_of(caplog: pytest.LogCaptureFixture):
    told: list[int] = []
    assert wait_for_database(Silent(1), on_away=lambda: told.append(1))
    assert not told
    assert not caplog.records


def test_waiting_ends_when_it_is_told_to():
    over = threading.Event()
    assert not wait_for_database(Silent(10**9), over=over, on_away=over.set)


def test_other_faults_are_not_waited_out():
    with pytest.raises(ProgrammingError):
        wait_for_database(Silent(2, ProgrammingError("SELECT 1", {}, Exception("no such table"))))


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OperationalError):
        upgrade_when_there(f"sqlite:///{tmp_path / 'folder'}")


def test_a_database_of_a_later_release_is_left_as_it_is(bare_database_url, caplog: pytest.LogCaptureFixture):
    later = f"{int(newest_revision()) + 1:04}"
    upgrade(bare_database_url)
    engine = open_database(bare_database_url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :later"), {"later": later})
    upgrade(bare_database_url)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == later
    engine.dispose()
    assert "the database is of a later release" in caplog.text


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict]]]:
    """What a server logs."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr(sys, "stderr", stream)
    begin_logging(Logging(json=True))
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def swept(step: Callable[[], object]) -> None:
    """A chore that is tried once."""
    over = threading.Event()

    def once() -> None:
        over.set()
        step()

    sweeper = Sweeper(once, seconds=0.001)
    sweeper.start()
    over.wait(10)
    sweeper.stop()


def test_while_it_is_away_a_chore_says_so_in_a_line(log: Callable[[], list[dict]]):
    away = open_database("postgresql://postgres:hunter2@127.0.0.1:9/none")
    swept(SqlRoster(away).all)
    swept(lambda: insist(SqlRoster(away).all, patience_seconds=0))
    lines = log()
    assert len(lines) == 2
    for line in lines:
        assert (line["event"], line["level"]) == ("housekeeping failed; it is tried again", "error")
        assert line["error"].startswith("the database does not answer: ")
        assert "127.0.0.1" in line["error"]
        assert "hunter2" not in str(line)
        assert "exception" not in line


def test_unknown_faults_keep_their_traceback(log: Callable[[], list[dict]], tmp_path: Path):
    empty = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    swept(SqlRoster(empty).all)  # a table is missing: SQLite's driver calls that as it calls a file that cannot be opened
    swept(lambda: 1 / 0)
    empty.dispose()
    first, second = log()
    assert "no such table" in first["exception"]
    assert "ZeroDivisionError" in second["exception"]


class _Full(sqlite3.OperationalError):
    sqlite_errorcode = sqlite3.SQLITE_FULL


@pytest.mark.parametrize("what", ["sqlite", "postgresql"])
def test_on_a_full_disk_a_note_is_missed_and_nothing_else(what: str) -> None:
    cause = _Full("database or disk is full") if what == "sqlite" else psycopg.errors.DiskFull("could not extend file")
    full = OperationalError("UPDATE", {}, cause)
    assert is_full(full)
    assert str(outage_in(full)).startswith("the database's disk is full: ")
    with unless_full():
        raise full
    away = OperationalError("UPDATE", {}, sqlite3.OperationalError("unable to open database file"))
    assert not is_full(away)
    with pytest.raises(OperationalError), unless_full():
        raise away
