"""Workers that hold a segment ask again when the database is away for a moment, and say so when it stays away."""

import threading

import pytest
from sqlalchemy import NullPool, create_engine
from task_store_contract import START, claim, later, task

from spark_avatar.database import sqlite
from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade
from spark_avatar.tasks.segments import Segment
from spark_avatar.tasks.sql.patient import PatientTaskStore
from spark_avatar.tasks.sql.segments import SqlSegmentStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.store import StoreAway


@pytest.fixture
def file(tmp_path):
    """A SQLite file that can be put aside: opening it fails then."""
    path = tmp_path / "data" / "spark.db"
    upgrade(f"sqlite:///{path}")
    return path


def aside(path):
    path.parent.rename(path.parent.with_name("aside"))


def back(path):
    path.parent.with_name("aside").rename(path.parent)


def unpooled(path):
    """Every transaction opens the file anew."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    sqlite.configure(engine)
    return engine


def test_what_comes_back_in_time_was_only_slow(file):
    engine = open_database(f"sqlite:///{file}")
    tasks = SqlTaskStore(engine)
    tasks.add(task("long"))
    held = claim(tasks)
    SqlSegmentStore(engine).plan(held, [Segment(held.id, 0, held.account_id, "portrait", 1, 0, 10, START)])
    engine.dispose()
    opened = unpooled(file)
    segments, patient = SqlSegmentStore(opened, patience_seconds=20), PatientTaskStore(opened, patience_seconds=20)
    mine = segments.claim_of(held.id, "w1", lease_until=later(30))
    aside(file)
    threading.Timer(0.7, back, [file]).start()
    assert segments.report(mine, progress=0.5)
    assert segments.of_task(held.id)[0].progress == 0.5
    assert patient.get(held.id).id == held.id
    opened.dispose()


def test_what_stays_away_is_told_apart_from_a_lost_claim(file):
    opened = unpooled(file)
    aside(file)
    for call in (
        lambda: SqlSegmentStore(opened, patience_seconds=0).of_task(task().id),
        lambda: PatientTaskStore(opened, patience_seconds=0).get(task().id),
    ):
        with pytest.raises(StoreAway):
            call()
    back(file)
    opened.dispose()
