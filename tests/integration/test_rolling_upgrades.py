"""The next release comes while this one works: its processes bring the database one step further, and share it and the queue with
those that do not know the step. The next release is this one with a further revision, as real processes from a folder of its own.
The release before is the last commit that lacked this one's newest revision: its own code, where the history is there.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fleet_house import Fleet
from fleet_servers import eventually
from not_here import not_here
from sqlalchemy import inspect, text

import spark_avatar
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.migrate import newest_revision

pytestmark = pytest.mark.slow
NEXT = f"{int(newest_revision()) + 1:04}"
STEP = f'''
"""What a release may add: a table, and columns that those who do not know them need not fill."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{NEXT}", "{newest_revision()}"


def upgrade():
    op.create_table("novelties", sa.Column("id", sa.String, primary_key=True))
    op.add_column("tasks", sa.Column("novelty", sa.String, nullable=True))
    op.add_column("workers", sa.Column("novelty", sa.String, nullable=False, server_default="none"))
'''


@pytest.fixture
def next_release(tmp_path: Path) -> dict[str, str]:
    """The setting that has a process run the next release."""
    package = tmp_path / "next" / "spark_avatar"
    shutil.copytree(Path(spark_avatar.__file__).parent, package)  # with its bytecode, which is still that of the files
    (package / "database" / "migrations" / "versions" / f"revision_{NEXT}.py").write_text(STEP)
    (package / "__init__.py").write_text((package / "__init__.py").read_text().replace(spark_avatar.__version__, "99.0.0"))
    return {"PYTHONPATH": str(package.parent)}


@pytest.fixture
def release_before(tmp_path: Path) -> dict[str, str]:
    """The setting that has a process run the release before."""
    versions = "src/spark_avatar/database/migrations/versions"

    def git(*words: str) -> bytes:
        return subprocess.run(["git", *words], cwd=Path(__file__).parents[2], check=True, capture_output=True).stdout

    try:
        step = git("log", "-1", "--diff-filter=A", "--format=%H", "--", f"{versions}/revision_{newest_revision()}.py").decode()
        packed = git("archive", f"{step.strip()}^" if step else "HEAD", "src")
    except (OSError, subprocess.CalledProcessError):
        not_here("older releases", "this is no clone with its history")
    (tmp_path / "before").mkdir()
    subprocess.run(["tar", "-x", "-C", str(tmp_path / "before")], input=packed, check=True)
    known = sorted(path.stem for path in (tmp_path / "before" / versions).glob("revision_*.py"))
    assert known[-1] < f"revision_{newest_revision()}"
    return {"PYTHONPATH": str(tmp_path / "before" / "src")}


def revision(fleet: Fleet) -> str:
    with reading(fleet.database) as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def versions(fleet: Fleet) -> set[str]:
    """Of the workers that are there."""
    with reading(fleet.database) as connection:
        return set(connection.execute(text("SELECT version FROM workers WHERE state IN ('idle', 'busy')")).scalars())


def step_back(fleet: Fleet) -> None:
    """The database as this release left it."""
    with writing(fleet.database) as connection:
        if inspect(connection).has_table("novelties"):
            for change in ("DROP TABLE novelties", "ALTER TABLE tasks DROP novelty", "ALTER TABLE workers DROP novelty"):
                connection.execute(text(change))
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{newest_revision()}'"))


def test_two_releases_share_a_queue_and_a_database(fleet: Fleet, next_release: dict[str, str]):
    path = {"PYTHONPATH": os.pathsep.join([next_release["PYTHONPATH"], fleet.environment()["PYTHONPATH"]])}
    assert revision(fleet) == newest_revision()
    try:
        ids = fleet.submit(6, seconds=1)  # under way while the database changes
        fleet.wait_until_running(ids)
        new_worker, new_server = fleet.worker(**path), fleet.server(**path)
        fleet.wait_for_workers(3)
        assert revision(fleet) == NEXT
        eventually(lambda: versions(fleet) == {spark_avatar.__version__, "99.0.0"}, "both releases work")
        ids += fleet.submit(4, seconds=0.5) + fleet.submit(4, server=new_server, seconds=0.5)
        fleet.settle(ids)
        fleet.check(ids)

        # A process of the release before is moved to another machine: it starts on a schema that it does not know.
        old = fleet.server()
        fleet.workers[0].stop()
        fleet.workers[0].start()
        fleet.wait_for_workers(3)
        again = fleet.submit(5, server=old, seconds=0.5)
        fleet.settle(again)
        fleet.check(again)
        assert "the database is of a later release" in old.log.read_text()
        assert revision(fleet) == NEXT
        for machine in (new_worker, *fleet.workers):
            assert machine.started_tasks().keys() & {*ids, *again}, "it took a share of the work"
        fleet.retire(old, new_server, new_worker)
    finally:
        step_back(fleet)


def test_the_next_release_brings_a_database_up_to_date_before_it_works(fleet: Fleet, next_release: dict[str, str]):
    """Its worker is the first that comes, and no server of it is there yet."""
    path = {"PYTHONPATH": os.pathsep.join([next_release["PYTHONPATH"], fleet.environment()["PYTHONPATH"]])}
    try:
        new_worker = fleet.worker(**path)
        eventually(lambda: "99.0.0" in versions(fleet), "it has signed in")
        assert revision(fleet) == NEXT
        ids = fleet.submit(6, seconds=0.5)
        fleet.settle(ids)
        fleet.check(ids)
        fleet.retire(new_worker)
    finally:
        step_back(fleet)


def test_the_release_before_works_on_while_this_one_comes(fleet: Fleet, release_before: dict[str, str]):
    """With the code that it had, on a database that it made."""
    both = fleet.beside("release_before", SPARK_AVATAR_DEFAULT_ENGINE="fleet2")
    path = {"PYTHONPATH": os.pathsep.join([release_before["PYTHONPATH"], fleet.environment()["PYTHONPATH"]])}
    old_server, old_worker = both.server(**path), both.worker(engines="fleet2", **path)
    key = both.new_key(**path)
    assert revision(both) < newest_revision()
    ids = both.submit(6, server=old_server, key=key, seconds=1)  # under way while the database changes
    both.wait_until_running(ids)
    new_server, new_worker = both.server(), both.worker(engines="fleet2")
    both.wait_for_workers(2)
    assert revision(both) == newest_revision()
    for server in (old_server, new_server):
        ids += both.submit(5, server=server, key=key, seconds=0.5)
    both.settle(ids)
    both.check(ids)
    for worker in (old_worker, new_worker):
        assert worker.started_tasks().keys() & set(ids), "it took a share of the work"
    both.retire(old_server, old_worker, new_server, new_worker)
