"""The database itself: its schema, its settings, and transactions that must not trip over each other."""

import multiprocessing
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, insert, inspect, make_url, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError
from store_processes import upgrade_at_once

from spark_avatar.database import engine as database_engine
from spark_avatar.database import schema
from spark_avatar.database.backup import copy_database
from spark_avatar.database.engine import open_database, reading, writing
from spark_avatar.database.migrate import newest_revision, upgrade
from spark_avatar.errors import ConfigurationError
from spark_avatar.tasks.sql.rows import row_of
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import AccountId, Task, TaskId, TaskRequest

spawn = multiprocessing.get_context("spawn")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_migrations_make_the_schema(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_indices_and_constraints_have_the_names_that_migrations_alter_them_by(engine):
    found = inspect(engine)
    for table in schema.metadata.sorted_tables:
        assert found.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"
        assert {index["name"] for index in found.get_indexes(table.name)} >= {index.name for index in table.indexes}


def test_upgrading_again_keeps_what_is_there(database_url, engine):
    with writing(engine) as connection:
        connection.execute(schema.accounts.insert(), {"id": "anna", "created_at": NOW})
    upgrade(database_url)
    with reading(engine) as connection:
        assert connection.execute(select(schema.accounts)).all() == [("anna", NOW, None)]


def test_a_database_of_the_first_schema_keeps_its_tasks(bare_database_url):
    upgrade(bare_database_url, revision="0001")
    engine = open_database(bare_database_url)
    old = Task(TaskId("old"), AccountId("anna"), "k", TaskRequest("m", "https://a/p.jpg", "https://a/s.wav"), created_at=NOW)
    known_then = {column["name"] for column in inspect(engine).get_columns("tasks")}
    with writing(engine) as connection:
        connection.execute(schema.tasks.insert(), {name: value for name, value in row_of(old).items() if name in known_then})
    upgrade(bare_database_url)
    store = SqlTaskStore(engine)
    assert store.get(old.id) == old
    assert store.claim_next("w", now=NOW, lease_until=NOW).id == "old"
    engine.dispose()


def test_keys_that_were_rotated_before_there_were_lineages_get_one(bare_database_url):
    upgrade(bare_database_url, revision="0011")
    engine = open_database(bare_database_url)
    successors = {"a": "b", "b": "c", "c": None, "alone": None}
    with writing(engine) as connection:
        connection.execute(schema.accounts.insert(), {"id": "anna", "created_at": NOW})
        for key, successor in successors.items():
            row = {"id": key, "name": key, "prefix": key, "account_id": "anna", "secret_hash": key, "created_at": NOW}
            connection.execute(insert(schema.api_keys).values(**row, rotated_to=successor))
    upgrade(bare_database_url)
    with reading(engine) as connection:
        found = connection.execute(select(schema.api_keys.c.id, schema.api_keys.c.lineage)).all()
    assert dict(found) == {"a": "a", "b": "a", "c": "a", "alone": None}
    engine.dispose()


@pytest.mark.parametrize("before", [f"{number:04}" for number in range(1, int(newest_revision()))])
def test_a_server_of_the_revision_before_goes_on_while_another_has_upgraded(bare_database_url, before):
    """Nothing that it reads has gone, and whatever it adds without knowing the new columns is taken."""
    upgrade(bare_database_url, revision=before)
    engine = open_database(bare_database_url)
    old = MetaData()
    old.reflect(engine)
    upgrade(bare_database_url, revision=f"{int(before) + 1:04}")
    new = MetaData()
    new.reflect(engine)
    engine.dispose()
    for table in old.sorted_tables:
        if table.name == "alembic_version":
            continue
        known = {column.name for column in table.columns}
        assert known <= {column.name for column in new.tables[table.name].columns}
        for column in new.tables[table.name].columns:
            assert column.name in known or column.nullable or column.server_default is not None, column


def test_four_processes_upgrade_an_empty_database_at_once(bare_database_url):
    start, results = spawn.Barrier(4), spawn.Queue()
    processes = [spawn.Process(target=upgrade_at_once, args=(bare_database_url, start, results)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == [None] * 4
    for process in processes:
        process.join(timeout=60)
    engine = open_database(bare_database_url)
    assert set(schema.metadata.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_a_failed_upgrade_leaves_nothing(bare_database_url):
    engine = open_database(bare_database_url)
    # The last table of the revision is in the way, so that its statement fails after the others have run.
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE tasks (id VARCHAR)"))
    with pytest.raises(Exception, match="tasks"):
        upgrade(bare_database_url)
    assert inspect(engine).get_table_names() == ["tasks"]
    engine.dispose()


def test_a_writer_that_reads_first_never_fails_for_another_writer(engine):
    """Eight threads read a row, then write what follows from it: each waits its turn, and no addition is lost."""
    names = schema.api_keys.c.name
    with writing(engine) as connection:
        connection.execute(schema.accounts.insert(), {"id": "anna", "created_at": NOW})
        key = {"id": "k", "name": "0", "prefix": "p", "account_id": "anna", "secret_hash": "h", "created_at": NOW}
        connection.execute(schema.api_keys.insert(), key)

    def add_one(_):
        with writing(engine) as connection:
            count = int(connection.execute(select(names).with_for_update()).scalar_one())
            connection.execute(update(schema.api_keys).values(name=str(count + 1)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_one, range(160)))
    with reading(engine) as connection:
        assert connection.execute(select(names)).scalar_one() == "160"


def test_a_reader_does_not_wait_for_a_writer(engine):
    with writing(engine) as writer:
        writer.execute(schema.accounts.insert(), {"id": "anna", "created_at": NOW})
        with reading(engine) as reader:
            assert reader.execute(select(schema.accounts)).all() == []


def test_an_exception_undoes_the_transaction(engine):
    def half_done():
        with writing(engine) as connection:
            connection.execute(schema.accounts.insert(), {"id": "anna", "created_at": NOW})
            raise KeyError

    with pytest.raises(KeyError):
        half_done()
    with reading(engine) as connection:
        assert connection.execute(select(schema.accounts)).all() == []


def test_a_key_needs_its_account(engine):
    key = {"id": "k", "name": "n", "prefix": "p", "account_id": "nobody", "secret_hash": "h", "created_at": NOW}
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(schema.api_keys.insert(), key)


class TestSqliteFile:
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'new' / 'spark.db'}"

    def test_every_connection_is_durable_waits_and_checks_references(self, url):
        engine = open_database(url)
        with reading(engine) as first, reading(engine) as second:
            for connection in (first, second):
                pragmas = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                }
                assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000}
        engine.dispose()

    def test_its_folder_is_made_for_its_owner_only(self, url):
        upgrade(url)
        assert stat.S_IMODE(Path(make_url(url).database).parent.stat().st_mode) == 0o700

    def test_a_new_file_that_another_process_is_writing_to_is_waited_for(self, tmp_path):
        """SQLite itself refuses at once to turn write-ahead logging on while someone writes."""
        path = tmp_path / "spark.db"
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        done = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        done.start()
        engine = open_database(f"sqlite:///{path}")
        with reading(engine) as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        done.join()
        other.close()
        engine.dispose()

    def test_a_copy_comes_to_its_end_however_often_others_write(self, tmp_path):
        path, over, copied = tmp_path / "busy.db", threading.Event(), threading.Event()
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA synchronous = OFF")
        other.execute("CREATE TABLE busy (number INTEGER)")
        other.execute("CREATE TABLE large AS SELECT zeroblob(40000000) AS content")

        def write():
            while not over.is_set():
                other.execute("INSERT INTO busy VALUES (1)")

        def copy():
            copy_database(path, tmp_path / "copy.db")
            copied.set()

        writer = threading.Thread(target=write)
        writer.start()
        threading.Thread(target=copy, daemon=True).start()
        done = copied.wait(20)
        over.set()
        writer.join()
        other.close()
        assert done

    @pytest.mark.parametrize("harm", [lambda whole: b"x" * 100 + whole[100:], lambda whole: whole[: len(whole) // 2]])
    def test_a_damaged_one_is_not_copied(self, tmp_path, harm):
        path = tmp_path / "spark.db"
        upgrade(f"sqlite:///{path}")
        path.write_bytes(harm(path.read_bytes()))
        with pytest.raises(ConfigurationError, match="damaged"):
            copy_database(path, tmp_path / "copy.db")

    def test_a_file_that_is_no_database_is_refused_at_once(self, tmp_path):
        path = tmp_path / "notes.txt"
        path.write_text("dear diary " * 500)
        engine = open_database(f"sqlite:///{path}")
        with pytest.raises(DatabaseError, match="not a database"), reading(engine) as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://root:hunter2@db/x", "nonsense", ""])
def test_another_database_is_refused_without_showing_its_password(url):
    with pytest.raises(ConfigurationError) as refused:
        open_database(url)
    assert "hunter2" not in str(refused.value)


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch):
    def missing(*_args, **_options):
        raise ModuleNotFoundError("psycopg")

    monkeypatch.setattr(database_engine, "create_engine", missing)
    with pytest.raises(ConfigurationError, match=r"needs its driver.*--no-deps --require-hashes -r requirements/scale\.txt"):
        open_database("postgresql://somebody@127.0.0.1/x")
