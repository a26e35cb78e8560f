"""Finding a task by the beginning of its id."""

from task_store_contract import OTTO, task

from spark_avatar.tasks.sql.search import task_beginning_with
from spark_avatar.tasks.sql.store import SqlTaskStore

WANTED, OTHER = "1b4e28ba-2fa1-4d2c-883f-0016d3cca427", "1b4e28ba-2fa1-4d2d-883f-0016d3cca427"


def test_it_is_found_whosever_it_is(engine):
    store = SqlTaskStore(engine)
    store.add(task(WANTED, account=OTTO))
    store.add(task(OTHER))
    for beginning in ("1b4e28ba-2fa1-4d2c", WANTED):
        found = task_beginning_with(engine, beginning)
        assert found is not None
        assert found.id == WANTED


def test_what_is_not_there_or_not_alone_is_not_found(engine):
    store = SqlTaskStore(engine)
    store.add(task(WANTED))
    store.add(task(OTHER))
    for beginning in ("1b4e28ba-2fa1", "ffffffff", "%", "_b4e28ba-2fa1-4d2c"):
        assert task_beginning_with(engine, beginning) is None
