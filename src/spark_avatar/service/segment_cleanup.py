"""Removes what the segments of ended tasks have left, and tells what of it is still in use."""

from spark_avatar.service.workdirs import segment_workdir_name
from spark_avatar.storage.keys import work_prefix
from spark_avatar.storage.storage import Storage
from spark_avatar.tasks.segments import SegmentStore


def clear_ended(segments: SegmentStore, storage: Storage) -> None:
    """Forgets the segments of tasks that have ended, whoever ended them, and removes the files that their workers shared. Safe to
    run at any time and in any process.
    """
    for account_id, task_id in segments.ended():
        for stored in storage.list(work_prefix(account_id, task_id)):
            storage.delete(stored.key)
        segments.remove(task_id)  # last: what fails half way is taken up next time


def segment_workdirs(segments: SegmentStore) -> set[str]:
    """The scratch folders of segments that some worker has claimed."""
    return {segment_workdir_name(segment) for segment in segments.running()}
