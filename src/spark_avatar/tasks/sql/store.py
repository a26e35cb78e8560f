"""The task store in a SQL database."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Delete, Engine, Row, Select, Update
from sqlalchemy.exc import SQLAlchemyError

from spark_avatar.database.engine import reading, writing
from spark_avatar.errors import IdempotencyConflict, TaskNotFound
from spark_avatar.tasks.sql import documents, statements, turns
from spark_avatar.tasks.sql.books import Bookkeeper, NoBooks
from spark_avatar.tasks.sql.deliveries import drop_deliveries, plan_deliveries, promise_delivery
from spark_avatar.tasks.sql.notes import drop_notes, read_notes, write_note
from spark_avatar.tasks.sql.rows import row_of, task_of
from spark_avatar.tasks.sql.staging import end_staging
from spark_avatar.tasks.sql.totals import note_stages
from spark_avatar.tasks.store import ALL_TASKS, NOTHING, PageMark, QueueFacts, SubmissionKey, TaskFilter
from spark_avatar.tasks.task import AccountId, Claim, Task, TaskFailure, TaskId, TaskOutput, TaskStatus, TaskUsage

_NO_LIMIT: Final = 2**31 - 1


class SqlTaskStore:
    """A `TaskStore` on SQLite or PostgreSQL, for any number of threads and processes. A worker's name must be its own, a
    restarted worker's a new one: the name and the attempt tell claims apart.
    """

    def __init__(self, engine: Engine, books: Bookkeeper | None = None) -> None:
        """`books` are told of what tasks cost; without them nothing does."""
        self._engine = engine
        self._books = books or NoBooks()

    def ping(self) -> bool:
        """Whether the database answers and has its tables."""
        try:
            with reading(self._engine) as connection:
                connection.execute(statements.PING)
        except SQLAlchemyError:
            return False
        return True

    def add(self, task: Task, *, hold: Decimal = NOTHING, staged: bool = True) -> None:
        """Stores a new task, durably, before it returns, and sets aside what it may cost. Raises `InsufficientBalance`,
        `BudgetSpent`, and `TaskCreationError` for a task that may be `staged`, when its inputs were given up.
        """
        with writing(self._engine) as connection:
            self._add(connection, task, hold, staged=staged)

    def add_once(self, task: Task, key: SubmissionKey, *, hold: Decimal = NOTHING, staged: bool = True) -> Task:
        """Stores a new task as `add` does, unless its account used the key already; returns the task that was made with the
        key. Of several calls at the same moment, one stores its task. Raises `IdempotencyConflict` too.
        """
        use = {
            "account_id": task.account_id,
            "key": key.key,
            "fingerprint": key.fingerprint,
            "task_id": task.id,
            "created_at": task.created_at,
            "the_used_since": key.used_since,
        }
        with writing(self._engine) as connection:
            # PostgreSQL waits here for a transaction that is using the key; SQLite has one writer anyway.
            if connection.execute(statements.USE_KEY[connection.dialect.name], use).one_or_none() is not None:
                self._add(connection, task, hold, staged=staged)
                return task
            return _made_with(connection.execute(statements.MADE_WITH, _asked(task.account_id, key)).one(), key)

    def made_with(self, account_id: AccountId, key: SubmissionKey) -> Task | None:
        """The task that the account made with the key, if any; raises `IdempotencyConflict`."""
        with reading(self._engine) as connection:
            row = connection.execute(statements.MADE_WITH, _asked(account_id, key)).one_or_none()
        return None if row is None else _made_with(row, key)

    def get(self, task_id: TaskId, *, account_id: AccountId | None = None) -> Task:
        """The task; raises `TaskNotFound` if there is none, or it belongs to another account than the one given."""
        # An id may come straight from a URL; PostgreSQL takes no NUL in text, and would fail.
        if "\0" in task_id:
            raise TaskNotFound
        with reading(self._engine) as connection:
            row = connection.execute(statements.GET, {"the_id": task_id}).one_or_none()
        if row is None or account_id not in (None, row.account_id):
            raise TaskNotFound
        return task_of(row)

    def recent(
        self, account_id: AccountId, *, limit: int, only: TaskFilter = ALL_TASKS, after: PageMark | None = None
    ) -> list[Task]:
        """The account's tasks, newest first, from behind the mark on."""
        wanted: dict[str, Any] = {"the_account": account_id, "the_limit": limit}
        if after is not None:
            wanted |= {"the_mark_time": after.created_at, "the_mark_id": after.task_id}
        page = statements.recent(only, after_mark=after is not None)
        with reading(self._engine) as connection:
            rows = connection.execute(page, wanted).all()
        return [task_of(row) for row in rows]

    def remove(self, task_id: TaskId) -> bool:
        """Forgets an ended task for good, and the key that it was made with; False when there is none, or it has not
        ended.
        """
        with writing(self._engine) as connection:
            removed = _changed(connection, statements.REMOVE, {"the_id": task_id})
            if removed:
                connection.execute(statements.FORGET_KEY_OF_TASK, {"the_id": task_id})
                drop_deliveries(connection, task_id)
                drop_notes(connection, task_id)
        return removed

    def ended_before(self, moment: datetime, *, limit: int) -> list[Task]:
        """Tasks that ended before the moment, the oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(statements.ENDED_BEFORE, {"the_moment": moment, "the_limit": limit}).all()
        return [task_of(row) for row in rows]

    def addresses_of_open(self, part: str) -> set[str]:
        """Addresses of inputs of tasks that have not ended: those that hold `part`."""
        with reading(self._engine) as connection:
            rows = connection.execute(statements.requests_of_open(part)).all()
        asked = [documents.read_request(row.request) for row in rows]
        addresses = {address for each in asked for address in (each.image_url, each.audio_url, each.background_url)}
        return {address for address in addresses if part in address}

    def forget_keys(self, *, used_before: datetime) -> int:
        """Forgets idempotency keys that were used before the moment; returns how many."""
        with writing(self._engine) as connection:
            return connection.execute(statements.FORGET_KEYS, {"the_moment": used_before}).rowcount

    def running(self) -> list[Task]:
        """All tasks that some worker has claimed."""
        with reading(self._engine) as connection:
            rows = connection.execute(statements.RUNNING).all()
        return [task_of(row) for row in rows]

    def ahead_of(self, task: Task) -> int:
        """How many queued tasks come before a queued one, as things stand; 0 for any other."""
        if task.status is not TaskStatus.QUEUED:
            return 0
        place = {"the_account": task.account_id, "the_time": task.created_at, "the_id": task.id}
        with reading(self._engine) as connection:
            ahead_in_account = connection.execute(turns.AHEAD_IN_ACCOUNT, place).scalar_one()
            return turns.ahead_of(task, ahead_in_account, connection.execute(turns.QUEUES).all())

    def queued_by_account(self) -> dict[AccountId, int]:
        """How many tasks of each account wait."""
        with reading(self._engine) as connection:
            return {AccountId(row.account_id): row.tasks for row in connection.execute(turns.QUEUES)}

    def claim_next(
        self,
        worker: str,
        *,
        now: datetime,
        lease_until: datetime,
        most_running: int | None = None,
        engines: Collection[str] | None = None,
    ) -> Task | None:
        """Gives a queued task to the worker: running, attempts + 1. None when nothing waits. Accounts take turns; of an
        account the oldest task comes first, and one that has `most_running` tasks running is passed over. Two workers never
        get the same task. `engines`: only tasks of these, and of none in particular.
        """
        turn: dict[str, Any] = {"the_most_running": _NO_LIMIT if most_running is None else most_running}
        following = turns.NEXT
        if engines is not None:
            following, turn["the_engines"] = turns.NEXT_OF_ENGINES, ["", *engines]
        claim = {"the_worker": worker, "the_now": now, "the_lease_until": lease_until}
        with writing(self._engine) as connection:
            turns.take_turns(connection)
            while (task_id := connection.execute(following, turn).scalar_one_or_none()) is not None:
                row = connection.execute(statements.CLAIM, {"the_id": task_id, **claim}).one_or_none()
                if row is not None:  # on PostgreSQL it may have been cancelled between the two statements
                    turns.note_turn(connection, row.account_id, now)
                    return task_of(row)
        return None

    def renew(self, task_id: TaskId, claim: Claim, *, lease_until: datetime) -> bool:
        """Keeps the claim alive."""
        return self._change(statements.RENEW, {**_held(task_id, claim), "the_lease_until": lease_until})

    def report(self, task_id: TaskId, claim: Claim, *, progress: float, stage: str, uploaded_at: datetime | None = None) -> bool:
        """Records progress; progress never goes back, and stays within 0..1."""
        news = {"the_progress": min(max(progress, 0.0), 1.0), "the_stage": stage, "the_uploaded_at": uploaded_at}
        return self._change(statements.REPORT, {**_held(task_id, claim), **news})

    def reserve(self, task_id: TaskId, claim: Claim, amount: Decimal, *, now: datetime) -> bool:
        """Sets exactly this aside for the task, instead of what was. Raises `InsufficientBalance` and `BudgetSpent`."""
        with writing(self._engine) as connection:
            row = connection.execute(statements.FACTS_OF_HELD, _held(task_id, claim)).one_or_none()
            if row is not None:
                owner, key = AccountId(row.account_id), row.key_id
                self._books.set_aside(connection, task_id=task_id, account_id=owner, key_id=key, amount=amount, now=now)
        return row is not None

    def complete(
        self,
        task_id: TaskId,
        claim: Claim,
        *,
        outputs: Sequence[TaskOutput],
        usage: TaskUsage,
        metadata: dict[str, object],
        now: datetime,
    ) -> bool:
        """Ends the task well. `metadata` is merged into the task's."""
        end = {
            "the_outputs": documents.outputs_document(outputs),
            "the_usage": documents.usage_document(usage),
            "the_now": now,
        }

        def charge(connection: Connection, row: Row[Any]) -> None:
            self._books.capture(
                connection,
                task_id=task_id,
                account_id=AccountId(row.account_id),
                key_id=row.key_id,
                model=documents.read_request(row.request).model,
                seconds=sum(output.seconds for output in outputs),
                compute_units=usage.compute_units,
                cost=Decimal(usage.cost),
                now=now,
            )
            note_stages(connection, row, outputs=outputs, metadata=metadata, now=now)

        return self._end(statements.FACTS_OF_HELD, statements.COMPLETE, {**_held(task_id, claim), **end}, metadata, charge)

    def fail(
        self, task_id: TaskId, claim: Claim | None, failure: TaskFailure, *, metadata: dict[str, object], now: datetime
    ) -> bool:
        """Ends the task badly; with `claim=None` it applies to a queued task. `metadata` is merged into the task's."""
        end = {"the_code": failure.code, "the_failure": documents.failure_document(failure), "the_now": now}

        def release(connection: Connection, _row: Row[Any]) -> None:
            self._books.release(connection, task_id=task_id, now=now)

        if claim is None:
            parameters = {"the_id": task_id, **end}
            return self._end(statements.FACTS_OF_QUEUED, statements.FAIL_QUEUED, parameters, metadata, release)
        return self._end(statements.FACTS_OF_HELD, statements.FAIL_HELD, {**_held(task_id, claim), **end}, metadata, release)

    def hand_back(self, task_id: TaskId, claim: Claim, *, count_attempt: bool) -> bool:
        """Queues the task again, at its old place; a drain does not count as an attempt."""
        statement = statements.HAND_BACK if count_attempt else statements.HAND_BACK_UNCOUNTED
        return self._change(statement, _held(task_id, claim))

    def queued_by_engine(self) -> dict[str, int]:
        """How many tasks wait for each engine; engines without any are left out."""
        with reading(self._engine) as connection:
            return {row.engine: row.tasks for row in connection.execute(statements.QUEUED_BY_ENGINE)}

    def notes(self, task_id: TaskId) -> dict[str, dict[str, str]]:
        """What engines noted of the task's jobs elsewhere, by engine."""
        with reading(self._engine) as connection:
            return read_notes(connection, task_id)

    def note(self, task_id: TaskId, claim: Claim, engine: str, note: Mapping[str, str]) -> bool:
        """Puts a note in the place of the engine's earlier one."""
        with writing(self._engine) as connection:
            return write_note(connection, _held(task_id, claim), engine, note)

    def queue_facts(self, *, now: datetime) -> QueueFacts:
        """Counts for metrics."""
        with reading(self._engine) as connection:
            standings = {row.status: row for row in connection.execute(statements.COUNTS)}
            failures: dict[str, int] = {row.failure_code: row.tasks for row in connection.execute(statements.FAILURES)}
        counts: dict[str, int] = {status: row.tasks for status, row in standings.items()}
        queued = standings.get(TaskStatus.QUEUED.value)
        return QueueFacts(
            queued=counts.get(TaskStatus.QUEUED, 0),
            running=counts.get(TaskStatus.RUNNING, 0),
            completed=counts.get(TaskStatus.COMPLETED, 0),
            failed=counts.get(TaskStatus.FAILED, 0),
            oldest_queued_seconds=max(0.0, (now - queued.oldest).total_seconds()) if queued else 0.0,
            failures_by_code=failures,
        )

    def _change(self, statement: Update, parameters: dict[str, Any]) -> bool:
        with writing(self._engine) as connection:
            return _changed(connection, statement, parameters)

    def _add(self, connection: Connection, task: Task, hold: Decimal, *, staged: bool) -> None:
        if staged:
            end_staging(connection, task.id)
        connection.execute(statements.ADD, row_of(task))
        promise_delivery(connection, task)
        if hold:
            owner, key, now = task.account_id, task.key_id, task.created_at
            self._books.set_aside(connection, task_id=task.id, account_id=owner, key_id=key, amount=hold, now=now, new=True)

    def _end(
        self,
        current: Select[Any],
        end: Update,
        parameters: dict[str, Any],
        metadata: dict[str, object],
        settle: Callable[[Connection, Row[Any]], None],
    ) -> bool:
        """Merges the metadata, ends the task, settles what it costs and plans who is told, in one transaction."""
        with writing(self._engine) as connection:
            row = connection.execute(current, parameters).one_or_none()
            if row is None:
                return False
            merged = documents.metadata_document({**documents.read_metadata(row.metadata), **metadata})
            ended = _changed(connection, end, {**parameters, "the_metadata": merged})
            if ended:
                settle(connection, row)
                plan_deliveries(connection, parameters["the_id"], row, code=parameters.get("the_code"), now=parameters["the_now"])
        return ended


def _asked(account_id: AccountId, key: SubmissionKey) -> dict[str, Any]:
    return {"the_account": account_id, "the_key": key.key, "the_used_since": key.used_since}


def _made_with(row: Row[Any], key: SubmissionKey) -> Task:
    if row.fingerprint != key.fingerprint:
        raise IdempotencyConflict
    return task_of(row)


def _held(task_id: TaskId, claim: Claim) -> dict[str, Any]:
    return {"the_id": task_id, "the_worker": claim.worker, "the_attempt": claim.attempt}


def _changed(connection: Connection, statement: Update | Delete, parameters: dict[str, Any]) -> bool:
    return connection.execute(statement, parameters).rowcount == 1
