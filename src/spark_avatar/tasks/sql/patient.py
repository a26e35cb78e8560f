"""The task store as a worker needs it: minutes of work are not thrown away because the database was restarted."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004 - none of the builtin is meant

from spark_avatar.database.patience import is_away
from spark_avatar.errors import TaskNotFound
from spark_avatar.tasks.sql.books import Bookkeeper
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.store import StoreAway
from spark_avatar.tasks.task import AccountId, Claim, Task, TaskFailure, TaskId, TaskOutput, TaskUsage
from spark_avatar.telemetry import Seldom

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 300.0
"""How long a database may be away without costing anybody a render."""
_PAUSE_SECONDS = 0.5
_log = logging.getLogger(__name__)


class PatientTaskStore(SqlTaskStore):
    """Asks again for a while when the database does not answer, then raises `StoreAway`. Changes are safe to repeat: each
    names the claim, and one that was made although its answer was lost is recognised.
    """

    def __init__(self, engine: Engine, books: Bookkeeper | None = None, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        super().__init__(engine, books)
        self._patience = patience_seconds

    def get(self, task_id: TaskId, *, account_id: AccountId | None = None) -> Task:
        """As the parent's."""
        get = super().get
        return insist(lambda: get(task_id, account_id=account_id), patience_seconds=self._patience)

    def report(self, task_id: TaskId, claim: Claim, *, progress: float, stage: str, uploaded_at: datetime | None = None) -> bool:
        """As the parent's."""
        report = super().report
        return self._insist(lambda: report(task_id, claim, progress=progress, stage=stage, uploaded_at=uploaded_at))

    def reserve(self, task_id: TaskId, claim: Claim, amount: Decimal, *, now: datetime) -> bool:
        """As the parent's."""
        reserve = super().reserve
        return self._insist(lambda: reserve(task_id, claim, amount, now=now))

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
        """As the parent's."""
        complete = super().complete
        return self._insist(
            # Its answer may have been lost: then it has been made.
            lambda: (
                complete(task_id, claim, outputs=outputs, usage=usage, metadata=metadata, now=now) or self._has(task_id, outputs)
            )
        )

    def fail(
        self, task_id: TaskId, claim: Claim | None, failure: TaskFailure, *, metadata: dict[str, object], now: datetime
    ) -> bool:
        """As the parent's."""
        fail = super().fail
        return self._insist(lambda: fail(task_id, claim, failure, metadata=metadata, now=now))

    def hand_back(self, task_id: TaskId, claim: Claim, *, count_attempt: bool) -> bool:
        """As the parent's."""
        hand_back = super().hand_back
        return self._insist(lambda: hand_back(task_id, claim, count_attempt=count_attempt))

    def notes(self, task_id: TaskId) -> dict[str, dict[str, str]]:
        """As the parent's."""
        read = super().notes
        return insist(lambda: read(task_id), patience_seconds=self._patience)

    def note(self, task_id: TaskId, claim: Claim, engine: str, note: Mapping[str, str]) -> bool:
        """As the parent's."""
        write = super().note
        return self._insist(lambda: write(task_id, claim, engine, note))

    def _insist(self, change: Callable[[], bool]) -> bool:
        return insist(change, patience_seconds=self._patience)

    def _has(self, task_id: TaskId, outputs: Sequence[TaskOutput]) -> bool:
        try:
            return self.get(task_id).outputs == tuple(outputs)
        except TaskNotFound:
            return False


def insist(call: Callable[[], Answer], *, patience_seconds: float) -> Answer:
    """What `call` returns, asked again for so long while the database does not answer. Raises `StoreAway`."""
    until, complaint = time.monotonic() + patience_seconds, Seldom()
    while True:
        try:
            return call()
        except (DBAPIError, TimeoutError) as error:
            if not is_away(error):
                raise
            failure = error
        if time.monotonic() >= until:
            raise StoreAway("the database does not answer") from failure
        if complaint.due():
            _log.warning("the database does not answer; asking again", extra={"error": type(failure).__name__})
        time.sleep(_PAUSE_SECONDS)
