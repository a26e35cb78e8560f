"""A worker's store when the database's answers are lost."""

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from task_store_contract import claim, complete, task

from spark_avatar.tasks.sql.patient import PatientTaskStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.store import StoreAway
from spark_avatar.tasks.task import TaskStatus

GONE = OperationalError("UPDATE", {}, Exception("server closed the connection unexpectedly"))


def lost_answers(monkeypatch, name: str, count: int, *, after: bool, error: Exception = GONE) -> None:
    """The change `name` fails so often, before or after it was made."""
    real, left = getattr(SqlTaskStore, name), [count]

    def change(*args, **news):
        made = real(*args, **news) if after or not left[0] else None
        if left[0]:
            left[0] -= 1
            raise error
        return made

    monkeypatch.setattr(SqlTaskStore, name, change)


@pytest.fixture
def store(engine, monkeypatch):
    monkeypatch.setattr("spark_avatar.tasks.sql.patient._PAUSE_SECONDS", 0.01)
    store = PatientTaskStore(engine, patience_seconds=5)
    store.add(task())
    return store


@pytest.mark.parametrize("after", [False, True])
def test_a_completion_is_recognised_whether_it_was_made_or_not(store, monkeypatch, after):
    held = claim(store)
    lost_answers(monkeypatch, "complete", 2, after=after)
    assert complete(store, held)
    assert store.get(held.id).status is TaskStatus.COMPLETED


def test_a_completion_that_another_worker_made_is_not_taken_for_ones_own(store, monkeypatch):
    stale = claim(store)
    store.hand_back(stale.id, stale.claim, count_attempt=True)
    claim(store, "w2")
    lost_answers(monkeypatch, "complete", 1, after=False)
    assert not complete(store, stale)


def test_progress_waits_for_the_database(store, monkeypatch):
    held = claim(store)
    lost_answers(monkeypatch, "report", 3, after=False)
    assert store.report(held.id, held.claim, progress=0.5, stage="render")
    assert store.get(held.id).progress == 0.5


def test_notes_of_a_job_elsewhere_are_waited_for(store, monkeypatch):
    held = claim(store)
    assert store.note(held.id, held.claim, "remote", {"job": "7"})
    lost_answers(monkeypatch, "notes", 3, after=False)
    assert store.notes(held.id) == {"remote": {"job": "7"}}


def test_patience_ends(store, monkeypatch):
    held = claim(store)
    store._patience = 0.05
    lost_answers(monkeypatch, "hand_back", 1000, after=False)
    with pytest.raises(StoreAway):
        store.hand_back(held.id, held.claim, count_attempt=True)


def test_a_fault_of_ones_own_is_not_repeated(store, monkeypatch):
    held = claim(store)
    lost_answers(monkeypatch, "report", 1, after=False, error=IntegrityError("UPDATE", {}, Exception("no")))
    with pytest.raises(IntegrityError):
        store.report(held.id, held.claim, progress=0.5, stage="render")
