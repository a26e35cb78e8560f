"""What an audit needs to know of every task."""

from dataclasses import dataclass

from spark_avatar.tasks.task import AccountId, TaskId, TaskOutput, TaskStatus


@dataclass(frozen=True)
class TaskRecord:
    """A task, as far as its files go."""

    id: TaskId
    account_id: AccountId
    status: TaskStatus
    attempts: int
    outputs: tuple[TaskOutput, ...]
