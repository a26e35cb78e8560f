"""Inputs that stand in the request itself, as `data:` URLs. They go into storage, and the task's record keeps a reference:
a record of megabytes would make every poll of it slow.
"""

from dataclasses import dataclass, replace
from typing import Final

from spark_avatar.errors import ObjectNotFound
from spark_avatar.media.limits import MediaLimits
from spark_avatar.service.data_url import decode_data_url
from spark_avatar.service.faults import InputKind, faults_of
from spark_avatar.service.urls import is_data_url
from spark_avatar.storage.keys import input_key, parse_key
from spark_avatar.storage.storage import ObjectKey, Storage
from spark_avatar.tasks.staging import StagedTasks
from spark_avatar.tasks.task import AccountId, Task, TaskId, TaskRequest

_SCHEME: Final = "stored:"
"""No request may name it: an address has to be http, https or data."""
_KINDS: Final[tuple[InputKind, ...]] = ("image", "audio", "background")


def stored_key(url: str) -> ObjectKey | None:
    """The key that a reference names; None for any other address."""
    if not url.startswith(_SCHEME):
        return None
    try:
        return parse_key(url.removeprefix(_SCHEME))
    except ObjectNotFound:
        return None


def holds_inputs(request: TaskRequest) -> bool:
    """Whether inputs came inside the request, and are there for `keep` to store."""
    return any(map(is_data_url, _addresses(request).values()))


@dataclass(frozen=True)
class RequestInputs:
    """Keeps the inputs that came inside requests. Those that are fetched from elsewhere are never kept."""

    storage: Storage
    limits: MediaLimits
    staged: StagedTasks
    """Told before anything is stored: what a killed server leaves is found by it."""

    def keep(self, task: Task) -> Task:
        """The task, with its `data:` URLs stored and replaced. Raises the input's errors for a URL that is damaged, empty
        or holds too many bytes: nothing is stored then.
        """
        request = task.request
        addresses = _addresses(request)
        contents = {
            kind: decode_data_url(url, faults_of(kind, self.limits)) for kind, url in addresses.items() if is_data_url(url)
        }
        if contents:
            self.staged.begin(task.id, task.account_id)
        for kind, content in contents.items():
            key = input_key(task.account_id, task.id, kind)
            addresses[kind] = f"{_SCHEME}{self.storage.put(key, content).key}"
        kept = replace(
            request,
            image_url=addresses["image"],
            audio_url=addresses["audio"],
            background_url=addresses.get("background", ""),
        )
        return replace(task, request=kept)

    def drop(self, task: Task) -> None:
        """Removes what `keep` stored for a task that is not stored. Nothing happens where it stored nothing, or where the task is
        stored after all, and only the database's answer was lost.
        """
        self.staged.abandon(task.id)  # waits for a transaction that is just storing it
        if any(staged.task_id == task.id for staged in self.staged.all()):
            remove_inputs(self.storage, task.account_id, task.id)
            self.staged.forget(task.id)


def _addresses(request: TaskRequest) -> dict[InputKind, str]:
    addresses: dict[InputKind, str] = {"image": request.image_url, "audio": request.audio_url}
    if request.background_url:
        addresses["background"] = request.background_url
    return addresses


def remove_inputs(storage: Storage, account_id: AccountId, task_id: TaskId) -> None:
    """Removes the inputs of a task that came inside its request, if there are any."""
    for kind in _KINDS:
        storage.delete(input_key(account_id, task_id, kind))
