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
from spark_avatar.tasks.task import Task

_SCHEME: Final = "stored:"
"""No request may name it: an address has to be http, https or data."""
_KINDS: Final[tuple[InputKind, ...]] = ("image", "audio")


def stored_key(url: str) -> ObjectKey | None:
    """The key that a reference names; None for any other address."""
    if not url.startswith(_SCHEME):
        return None
    try:
        return parse_key(url.removeprefix(_SCHEME))
    except ObjectNotFound:
        return None


@dataclass(frozen=True)
class RequestInputs:
    """Keeps and removes the inputs that came inside requests. Those that are fetched from elsewhere are never kept."""

    storage: Storage
    limits: MediaLimits

    def keep(self, task: Task) -> Task:
        """The task, with its `data:` URLs stored and replaced. Raises the input's errors for a URL that is damaged, empty
        or holds too many bytes: nothing is stored then.
        """
        addresses: dict[InputKind, str] = {"image": task.request.image_url, "audio": task.request.audio_url}
        contents = {
            kind: decode_data_url(url, faults_of(kind, self.limits)) for kind, url in addresses.items() if is_data_url(url)
        }
        for kind, content in contents.items():
            key = input_key(task.account_id, task.id, kind)
            addresses[kind] = f"{_SCHEME}{self.storage.put(key, content).key}"
        return replace(task, request=replace(task.request, image_url=addresses["image"], audio_url=addresses["audio"]))

    def remove(self, task: Task) -> None:
        """Removes what `keep` stored; nothing happens where it stored nothing."""
        for kind in _KINDS:
            self.storage.delete(input_key(task.account_id, task.id, kind))
