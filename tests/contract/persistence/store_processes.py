"""What the other processes of the contract tests do. Each starts fresh (spawn) and opens its own database."""

from datetime import UTC, datetime, timedelta

from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade
from spark_avatar.tasks.sql.segments import SqlSegmentStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import TaskUsage


def claim_all(url, worker, start, results):
    """Claims until nothing waits; sends the ids it got."""
    store = SqlTaskStore(open_database(url))
    start.wait()
    mine = []
    while (task := _claim(store, worker)) is not None:
        mine.append(task.id)
    results.put((worker, mine))


def work_forever(url, worker, working):
    """Claims, reports and completes until it is killed."""
    store = SqlTaskStore(open_database(url))
    while (task := _claim(store, worker)) is not None:
        working.set()
        for step in range(3):
            store.report(task.id, task.claim, progress=step / 3, stage="render")
        now = datetime.now(UTC)
        store.complete(task.id, task.claim, outputs=[], usage=TaskUsage("0", 1.0, 1), metadata={"worker": worker}, now=now)


def upgrade_at_once(url, start, results):
    """Upgrades when all are ready; sends the error, if there was one."""
    start.wait()
    try:
        upgrade(url)
    except Exception as error:  # noqa: BLE001  # any error is the finding
        results.put(repr(error))
    else:
        results.put(None)


def _claim(store, worker):
    now = datetime.now(UTC)
    return store.claim_next(worker, now=now, lease_until=now + timedelta(seconds=15))


def claim_all_segments(url, worker, start, results):
    """Claims segments until none waits; sends the names of those it got."""
    store = SqlSegmentStore(open_database(url))
    start.wait()
    now = datetime.now(UTC)
    mine = []
    while (segment := store.claim_next(worker, now=now, lease_until=now + timedelta(hours=1), in_turn=False)) is not None:
        mine.append((segment.task_id, segment.number))
    results.put((worker, mine))
