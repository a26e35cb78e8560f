"""The files of a task, wherever they lie in storage."""

from dataclasses import dataclass

from spark_avatar.service.inputs import remove_inputs
from spark_avatar.storage.keys import task_prefix
from spark_avatar.storage.storage import Storage
from spark_avatar.tasks.task import Task


@dataclass(frozen=True)
class TaskFiles:
    """Removes what is stored for tasks."""

    storage: Storage

    def remove(self, task: Task) -> None:
        """Removes the outputs of every attempt, and the inputs that came inside the request. Uploads are the account's and
        stay.
        """
        for stored in self.storage.list(task_prefix(task.account_id, task.id)):
            self.storage.delete(stored.key)
        remove_inputs(self.storage, task.account_id, task.id)
