"""Whose turn it is. Accounts with waiting tasks are served in rounds, the one that has waited longest for a turn first; within
an account the oldest task comes first. So a thousand tasks of one account do not hold up the one task of another.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, insert, literal, select, update

from spark_avatar.database.dialects import one_at_a_time
from spark_avatar.database.schema import tasks, turns
from spark_avatar.tasks.task import AccountId, Task, TaskStatus

_LOCK: Final = 7_223_911_405_613
"""Any number, as long as it is always the same: PostgreSQL's lock that claims of one database take."""
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_QUEUED = TaskStatus.QUEUED.value
_column = tasks.c


def _waiting_accounts() -> Any:
    """The accounts with queued tasks. Each step jumps to the next account in the index, so that the cost follows the number
    of accounts, not of tasks (a "loose index scan").
    """
    accounts = (
        select(func.min(_column.account_id).label("account_id")).where(_column.status == _QUEUED).cte("waiting", recursive=True)
    )
    following = tasks.alias("following")
    next_account = (
        select(func.min(following.c.account_id))
        .where(following.c.status == _QUEUED, following.c.account_id > accounts.c.account_id)
        .scalar_subquery()
    )
    return accounts.union_all(select(next_account).where(accounts.c.account_id.is_not(None)))


_account = _waiting_accounts().c.account_id
_its_queue = tasks.alias("its_queue").c
_its_running = select(func.count()).where(_its_queue.status == TaskStatus.RUNNING.value, _its_queue.account_id == _account)
_served = func.coalesce(turns.c.served_at, literal(_NEVER, turns.c.served_at.type))


def _next(*of_its_queue: ColumnElement[bool]) -> Select[Any]:
    """The task whose turn it is, of those that the conditions let through."""
    waiting = (_its_queue.status == _QUEUED, _its_queue.account_id == _account, *of_its_queue)
    oldest = select(func.min(_its_queue.created_at)).where(*waiting).scalar_subquery()
    first = select(_its_queue.id).where(*waiting).order_by(_its_queue.created_at, _its_queue.id).limit(1).scalar_subquery()
    return (
        select(first.label("id"))
        .select_from(_account.table.outerjoin(turns, turns.c.account_id == _account))
        .where(_account.is_not(None), oldest.is_not(None), _its_running.scalar_subquery() < bindparam("the_most_running"))
        .order_by(_served, oldest, _account)
        .limit(1)
    )


NEXT = _next()
NEXT_OF_ENGINES = _next(_its_queue.engine.in_(bindparam("the_engines", expanding=True)))

QUEUES = (
    select(_column.account_id, func.count().label("tasks"), func.min(_column.created_at).label("oldest"), turns.c.served_at)
    .select_from(tasks.outerjoin(turns, turns.c.account_id == _column.account_id))
    .where(_column.status == _QUEUED)
    .group_by(_column.account_id, turns.c.served_at)
)

AHEAD_IN_ACCOUNT = select(func.count()).where(
    _column.status == _QUEUED,
    _column.account_id == bindparam("the_account"),
    (_column.created_at < bindparam("the_time", type_=_column.created_at.type))
    | ((_column.created_at == bindparam("the_time", type_=_column.created_at.type)) & (_column.id < bindparam("the_id"))),
)

_LAST_TURN = select(func.max(turns.c.served_at))
_TAKE_TURN = update(turns).where(turns.c.account_id == bindparam("the_account")).values(served_at=bindparam("the_now"))
_FIRST_TURN = insert(turns)


def take_turns(connection: Connection) -> None:
    """Until the transaction ends, no other one looks whose turn it is: two claims at once must not serve the same account."""
    one_at_a_time(connection, _LOCK)


def note_turn(connection: Connection, account_id: str, now: datetime) -> None:
    """The account has been served; to be called after `take_turns`. Turns only ever grow: a worker whose clock is behind, or
    was ahead, must not change who is next.
    """
    last: datetime | None = connection.execute(_LAST_TURN).scalar_one()
    turn = now if last is None or last < now else last + timedelta(microseconds=1)
    if connection.execute(_TAKE_TURN, {"the_account": account_id, "the_now": turn}).rowcount == 0:
        connection.execute(_FIRST_TURN, {"account_id": account_id, "served_at": turn})


def ahead_of(task: Task, ahead_in_account: int, queues: Sequence[Row[Any]]) -> int:
    """How many tasks are claimed before this one when rounds go on as they stand: its account's older ones, and of every other
    account as many, one more where that account is before it in the round, but no more than it has.
    """
    places = {AccountId(row.account_id): (row.served_at or _NEVER, row.oldest, row.account_id) for row in queues}
    own = places.get(task.account_id)
    if own is None:
        return 0  # claimed meanwhile
    counts: dict[str, int] = {row.account_id: row.tasks for row in queues}
    others = (min(counts[account], ahead_in_account + (place < own)) for account, place in places.items() if place != own)
    return ahead_in_account + sum(others)
