"""Where tasks are kept: the truth about them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from spark_avatar.tasks.task import AccountId, Claim, Task, TaskFailure, TaskId, TaskOutput, TaskStatus, TaskUsage

NOTHING: Final = Decimal(0)
"""No money."""


@dataclass(frozen=True)
class QueueFacts:
    """How the queue stands."""

    queued: int
    running: int
    completed: int
    failed: int
    oldest_queued_seconds: float
    """0 when nothing waits."""
    failures_by_code: dict[str, int]


@dataclass(frozen=True)
class StageTotal:
    """What completed tasks spent in a stage, added up; tasks that are deleted go on counting."""

    engine: str
    stage: str
    """Of the render, as in a task's `timings`, and `queue` (waiting), `fetch`, `task` (from its start to its end) and `video`
    (the length of what came out).
    """
    tasks: int
    seconds: float


@dataclass(frozen=True)
class PageMark:
    """The last task of a page: the next page begins with the one that is just older."""

    created_at: datetime
    task_id: TaskId


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks are looked for; empty for all."""

    statuses: Collection[TaskStatus] = ()
    model: str = ""
    engine: str = ""
    key_id: str = ""
    text: str = ""
    """Part of a task's id, of its error code, its model or the addresses of its inputs, names in them included."""


ALL_TASKS: Final = TaskFilter()


@dataclass(frozen=True)
class SubmissionKey:
    """A caller's word for one request: whoever repeats it means the same task. Each account has its own words."""

    key: str
    fingerprint: str
    """Of the request: the same word for another request is a mistake."""
    used_since: datetime
    """Earlier uses of the word count no longer."""


class StoreAway(Exception):
    """The store does not answer. The task is not to blame: whoever holds it leaves it to recovery."""


class TaskStore(Protocol):
    """Keeps tasks. Every method is one transaction; every change that names a claim does nothing and returns False when
    the claim is no longer the task's (another worker has it, or it has ended).
    """

    def add(self, task: Task, *, hold: Decimal = NOTHING, staged: bool = True) -> None:
        """Stores a new task, durably, before it returns, and sets aside what it may cost. Raises `InsufficientBalance`,
        `BudgetSpent`, and `TaskCreationError` for a task that may be `staged`, when its inputs were given up.
        """

    def add_once(self, task: Task, key: SubmissionKey, *, hold: Decimal = NOTHING, staged: bool = True) -> Task:
        """Stores a new task as `add` does, unless its account used the key already; returns the task that was made with the
        key. Of several calls at the same moment, one stores its task. Raises `IdempotencyConflict` too.
        """
        ...

    def made_with(self, account_id: AccountId, key: SubmissionKey) -> Task | None:
        """The task that the account made with the key, if any; raises `IdempotencyConflict`."""
        ...

    def get(self, task_id: TaskId, *, account_id: AccountId | None = None) -> Task:
        """The task; raises `TaskNotFound` if there is none, or it belongs to another account than the one given."""
        ...

    def recent(
        self, account_id: AccountId, *, limit: int, only: TaskFilter = ALL_TASKS, after: PageMark | None = None
    ) -> list[Task]:
        """The account's tasks, newest first, from behind the mark on."""
        ...

    def ahead_of(self, task: Task) -> int:
        """How many queued tasks come before a queued one, as things stand; 0 for any other."""
        ...

    def queued_by_account(self) -> dict[AccountId, int]:
        """How many tasks of each account wait; accounts without any are left out."""
        ...

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
        ...

    def renew(self, task_id: TaskId, claim: Claim, *, lease_until: datetime) -> bool:
        """Keeps the claim alive."""
        ...

    def report(self, task_id: TaskId, claim: Claim, *, progress: float, stage: str, uploaded_at: datetime | None = None) -> bool:
        """Records progress; progress never goes back."""
        ...

    def reserve(self, task_id: TaskId, claim: Claim, amount: Decimal, *, now: datetime) -> bool:
        """Sets exactly this aside for the task, instead of what was. Raises `InsufficientBalance` and `BudgetSpent`."""
        ...

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
        """Ends the task well, and charges `usage.cost` out of what was set aside for it."""
        ...

    def fail(
        self, task_id: TaskId, claim: Claim | None, failure: TaskFailure, *, metadata: dict[str, object], now: datetime
    ) -> bool:
        """Ends the task badly; with `claim=None` it applies to a queued task. `metadata` is merged into the task's. What was
        set aside for it is given back.
        """
        ...

    def hand_back(self, task_id: TaskId, claim: Claim, *, count_attempt: bool) -> bool:
        """Queues the task again, at its old place; a drain does not count as an attempt."""
        ...

    def notes(self, task_id: TaskId) -> dict[str, dict[str, str]]:
        """What engines noted of the task's jobs elsewhere, by engine."""
        ...

    def note(self, task_id: TaskId, claim: Claim, engine: str, note: Mapping[str, str]) -> bool:
        """Puts a note in the place of the engine's earlier one. It goes with the task."""
        ...

    def remove(self, task_id: TaskId) -> bool:
        """Forgets an ended task for good, and the key that it was made with; False when there is none, or it has not ended."""
        ...

    def ended_before(self, moment: datetime, *, limit: int) -> list[Task]:
        """Tasks that ended before the moment, the oldest first."""
        ...

    def addresses_of_open(self, part: str) -> set[str]:
        """Addresses of inputs of tasks that have not ended: those that hold `part`."""
        ...

    def forget_keys(self, *, used_before: datetime) -> int:
        """Forgets idempotency keys that were used before the moment; returns how many."""
        ...

    def running(self) -> list[Task]:
        """All tasks that some worker has claimed."""
        ...

    def queued_by_engine(self) -> dict[str, int]:
        """How many tasks wait for each engine; engines without any are left out."""
        ...

    def queue_facts(self, *, now: datetime) -> QueueFacts:
        """Counts for metrics."""
        ...
