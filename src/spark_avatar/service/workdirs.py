"""The scratch folders of running tasks, each with a name that tells whose it is."""

from collections.abc import Iterable

from spark_avatar.tasks.segments import Segment
from spark_avatar.tasks.task import Task, TaskId


def workdir_name(task_id: TaskId, attempt: int) -> str:
    """The folder of one attempt."""
    return f"{task_id}-{attempt}"


def live_names(running: Iterable[Task]) -> set[str]:
    """The folders of tasks that some worker has claimed."""
    return {workdir_name(task.id, task.claim.attempt) for task in running if task.claim is not None}


def segment_workdir_name(segment: Segment) -> str:
    """The folder of one attempt at a segment."""
    return f"{segment.task_id}-{segment.number}of-{segment.attempts}"
