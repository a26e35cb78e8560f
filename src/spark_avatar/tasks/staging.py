"""Tasks in the making: their inputs are being stored, and they are not yet."""

from dataclasses import dataclass
from typing import Protocol

from spark_avatar.tasks.task import AccountId, TaskId


@dataclass(frozen=True)
class StagedTask:
    """A task whose inputs may lie in storage before it is stored itself."""

    task_id: TaskId
    account_id: AccountId
    abandoned: bool
    """Its server is believed dead. Should it live after all, the task is refused when it comes."""


class StagedTasks(Protocol):
    """Remembers tasks in the making, so that what a killed server stored for them is found. Every method is one transaction."""

    def begin(self, task_id: TaskId, account_id: AccountId) -> None:
        """Notes a task before its first input is stored. Storing the task ends the note."""
        ...

    def all(self) -> list[StagedTask]:
        """All that have begun and are not stored."""
        ...

    def abandon(self, task_id: TaskId) -> bool:
        """Decides that the task shall not be stored any more; False when it is stored or given up already."""
        ...

    def forget(self, task_id: TaskId) -> None:
        """Drops the note, if there is one: nothing is left of the task."""
        ...
