"""The statements of the task store, built once. The moves that a task may make stand in their WHERE clauses, so that no
race can make another one. Parameters start with `the_`, apart from those of the insert, which are the columns.
"""

from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Update,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    tuple_,
    update,
)

from spark_avatar.database.dialects import insert_or_replace
from spark_avatar.database.schema import idempotency_keys, tasks
from spark_avatar.tasks.store import TaskFilter
from spark_avatar.tasks.task import TaskStatus

_UNQUOTED: Final = "!'()*"
"""With letters, digits and `-._~`, what browsers leave as it is in a part of an address."""

_column = tasks.c

_this_task = _column.id == bindparam("the_id")
_queued = and_(_this_task, _column.status == TaskStatus.QUEUED.value)
_held = and_(
    _this_task,
    _column.status == TaskStatus.RUNNING.value,
    _column.worker == bindparam("the_worker"),
    _column.attempts == bindparam("the_attempt"),
)
"""The claim is still the task's: `attempts` grows with every claim, so an earlier claim does not match."""

ADD = insert(tasks)

_used = idempotency_keys.c
_this_key = and_(_used.account_id == bindparam("the_account"), _used.key == bindparam("the_key"))

_use = insert_or_replace(idempotency_keys, where=_used.created_at < bindparam("the_used_since"))
USE_KEY = {dialect: insert.returning(_used.key) for dialect, insert in _use.items()}
"""By the dialect's name; returns nothing where the key stands for a task already."""
FORGET_KEY_OF_TASK = delete(idempotency_keys).where(_used.task_id == bindparam("the_id"))

MADE_WITH = (
    select(*_column, _used.fingerprint)
    .join_from(idempotency_keys, tasks, _used.task_id == _column.id)
    .where(_this_key, _used.created_at >= bindparam("the_used_since"))
)

GET = select(tasks).where(_this_task)


_mark = tuple_(bindparam("the_mark_time", type_=_column.created_at.type), bindparam("the_mark_id", type_=_column.id.type))


def recent(only: TaskFilter, *, after_mark: bool) -> Select[Any]:
    """One page of an account's tasks, read along its index."""
    page = select(tasks).where(_column.account_id == bindparam("the_account"))
    page = page.where(*_narrowed(only))
    if after_mark:
        page = page.where(tuple_(_column.created_at, _column.id) < _mark)
    return page.order_by(_column.created_at.desc(), _column.id.desc()).limit(bindparam("the_limit"))


def _narrowed(only: TaskFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if only.statuses:
        conditions.append(_column.status.in_([status.value for status in only.statuses]))
    if only.model:
        conditions.append(_column.request["content"]["model"].as_string() == only.model)
    if only.engine:
        conditions.append(_column.engine == only.engine)
    if only.key_id:
        conditions.append(_column.key_id == only.key_id)
    if only.text:
        asked = [_column.request["content"][name].as_string() for name in ("model", "image_url", "audio_url")]
        found = [place.icontains(only.text, autoescape=True) for place in (_column.id, _column.failure_code, *asked)]
        if (in_addresses := quote(only.text, safe=_UNQUOTED)) != only.text:
            found += [place.icontains(in_addresses, autoescape=True) for place in asked]
        conditions.append(or_(*found))
    return conditions


REMOVE = delete(tasks).where(_this_task, _column.status.in_([status.value for status in TaskStatus if status.ended]))

ENDED_BEFORE = (
    select(tasks).where(_column.ended_at < bindparam("the_moment")).order_by(_column.ended_at).limit(bindparam("the_limit"))
)


def requests_of_open(part: str) -> Select[Any]:
    """What open tasks ask for, where `part` occurs. Found in the document's text: PostgreSQL fails on a document that it takes
    apart where one of the strings in it holds a NUL.
    """
    is_open = _column.status.in_([status.value for status in TaskStatus if not status.ended])
    return select(_column.request).where(is_open, cast(_column.request, String).contains(part, autoescape=True))


FORGET_KEYS = delete(idempotency_keys).where(_used.created_at < bindparam("the_moment"))

RUNNING = select(tasks).where(_column.status == TaskStatus.RUNNING.value).order_by(_column.created_at, _column.id)

CLAIM = (
    update(tasks)
    .where(_queued)
    .values(
        status=TaskStatus.RUNNING.value,
        stage="starting",
        attempts=_column.attempts + 1,
        worker=bindparam("the_worker"),
        lease_until=bindparam("the_lease_until"),
        started_at=func.coalesce(_column.started_at, bindparam("the_now", type_=_column.started_at.type)),
    )
    .returning(*_column)
)

RENEW = update(tasks).where(_held).values(lease_until=bindparam("the_lease_until"))

_new_progress = bindparam("the_progress", type_=_column.progress.type)

REPORT = (
    update(tasks)
    .where(_held)
    .values(
        progress=case((_new_progress > _column.progress, _new_progress), else_=_column.progress),
        stage=bindparam("the_stage"),
        uploaded_at=func.coalesce(bindparam("the_uploaded_at", type_=_column.uploaded_at.type), _column.uploaded_at),
    )
)

_facts = select(
    _column.metadata,
    _column.account_id,
    _column.key_id,
    _column.request,
    _column.engine,
    _column.created_at,
    _column.started_at,
)
FACTS_OF_HELD = _facts.where(_held).with_for_update()
FACTS_OF_QUEUED = _facts.where(_queued).with_for_update()

_free = {"worker": null(), "lease_until": null()}

COMPLETE = (
    update(tasks)
    .where(_held)
    .values(
        status=TaskStatus.COMPLETED.value,
        progress=1.0,
        stage="completed",
        outputs=bindparam("the_outputs"),
        usage=bindparam("the_usage"),
        metadata=bindparam("the_metadata"),
        ended_at=bindparam("the_now"),
        **_free,
    )
)


def _fail(standing: ColumnElement[bool]) -> Update:
    return (
        update(tasks)
        .where(standing)
        .values(
            status=TaskStatus.FAILED.value,
            failure_code=bindparam("the_code"),
            failure=bindparam("the_failure"),
            metadata=bindparam("the_metadata"),
            ended_at=bindparam("the_now"),
            **_free,
        )
    )


FAIL_HELD = _fail(_held)
FAIL_QUEUED = _fail(_queued)


def _hand_back(attempts: ColumnElement[int]) -> Update:
    return update(tasks).where(_held).values(status=TaskStatus.QUEUED.value, stage="queued", attempts=attempts, **_free)


HAND_BACK = _hand_back(_column.attempts)
HAND_BACK_UNCOUNTED = _hand_back(_column.attempts - 1)

COUNTS = select(_column.status, func.count().label("tasks"), func.min(_column.created_at).label("oldest")).group_by(
    _column.status
)

FAILURES = (
    select(_column.failure_code, func.count().label("tasks"))
    .where(_column.failure_code.is_not(None))
    .group_by(_column.failure_code)
)

QUEUED_BY_ENGINE = (
    select(_column.engine, func.count().label("tasks")).where(_column.status == TaskStatus.QUEUED.value).group_by(_column.engine)
)

PING = select(literal(1)).select_from(tasks).limit(1)
