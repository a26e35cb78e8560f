"""Names of stored files. The account, then the task, come first, so that all of one's files share a prefix.

uploads/{account}/{file}{suffix}
inputs/{account}/{task}/{kind}
outputs/{account}/{task}/{attempt}.mp4, .webm or .mov
outputs/{account}/{task}/{attempt}.jpg
outputs/{account}/{task}/{attempt}.webp
work/{account}/{task}/{name}
"""

import re
import secrets
from typing import Final

from spark_avatar.errors import ObjectNotFound
from spark_avatar.schemas.identity import AccountId, TaskId
from spark_avatar.storage.storage import ObjectKey

_PART: Final = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,128}")
"""One step of a key: safe in a file name, a URL and a shell, and never `.`, `..` or hidden."""
_SUFFIX: Final = re.compile(r"(\.[a-z0-9]{1,8})?")
KINDS: Final = ("uploads", "inputs", "outputs", "work")
"""What keys begin with."""
VIDEO_SUFFIXES: Final = (".mp4", ".webm", ".mov")
_MOST_PARTS: Final = 8
_PARTS_OF_TASK_FILES: Final = 3


def upload_key(account: AccountId, file_id: str, suffix: str) -> ObjectKey:
    """Where an uploaded file lies. `suffix` is lower-case and begins with a dot, or is empty."""
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError(f"not a suffix: {suffix!r}")
    return _key("uploads", account, file_id + suffix)


def output_key(account: AccountId, task_id: TaskId, attempt: int, suffix: str = ".mp4") -> ObjectKey:
    """Where the video of one attempt lies: each has its own, so that a late worker never overwrites another's. `suffix` is one
    of `VIDEO_SUFFIXES`.
    """
    if suffix not in VIDEO_SUFFIXES:
        raise ValueError(f"not the suffix of a video: {suffix!r}")
    return _key("outputs", account, task_id, f"{attempt:d}{suffix}")


def poster_key(output: str) -> ObjectKey:
    """Where the picture lies that stands for a video: beside it."""
    return ObjectKey(output.rpartition(".")[0] + ".jpg")


def preview_key(output: str) -> ObjectKey:
    """Where the small animation lies that shows a video's beginning: beside it."""
    return ObjectKey(output.rpartition(".")[0] + ".webp")


def shown_keys(output: str) -> tuple[ObjectKey, ...]:
    """A video, and what lies beside it."""
    return ObjectKey(output), poster_key(output), preview_key(output)


def attempt_keys(account: AccountId, task_id: TaskId, attempt: int) -> tuple[ObjectKey, ...]:
    """All that one attempt may have stored."""
    videos = [output_key(account, task_id, attempt, suffix) for suffix in VIDEO_SUFFIXES]
    return (*videos, poster_key(videos[0]), preview_key(videos[0]))


def input_key(account: AccountId, task_id: TaskId, kind: str) -> ObjectKey:
    """Where an input lies that came inside the request itself."""
    return _key("inputs", account, task_id, kind)


def work_key(account: AccountId, task_id: TaskId, name: str) -> ObjectKey:
    """Where something lies that the workers of one task share while it runs."""
    return _key("work", account, task_id, name)


def work_prefix(account: AccountId, task_id: TaskId) -> str:
    """What the keys of all that its workers share start with."""
    return _key("work", account, task_id) + "/"


def probe_key() -> ObjectKey:
    """Where a file lies for a moment that only tries whether files can be stored."""
    return _key("uploads", "probe", secrets.token_hex(8))


def task_prefix(account: AccountId, task_id: TaskId) -> str:
    """What the keys of all outputs of a task start with."""
    return _key("outputs", account, task_id) + "/"


def account_prefixes(account: AccountId) -> tuple[str, ...]:
    """What the keys of all files of an account start with."""
    return tuple(_key(kind, account) + "/" for kind in KINDS)


def owner_of(key: str) -> tuple[AccountId, TaskId]:
    """The account and the task whose file lies at this key; raises `ObjectNotFound` for other keys."""
    kind, *parts = parse_key(key).split("/")
    if kind not in ("inputs", "outputs", "work") or len(parts) != _PARTS_OF_TASK_FILES:
        raise ObjectNotFound
    return AccountId(parts[0]), TaskId(parts[1])


def parse_key(text: str) -> ObjectKey:
    """A key that came from outside; raises `ObjectNotFound` where it could not be one of ours."""
    parts = text.split("/")
    if len(parts) > _MOST_PARTS or not all(_PART.fullmatch(part) for part in parts):
        raise ObjectNotFound
    return ObjectKey(text)


def _key(*parts: str) -> ObjectKey:
    for part in parts:
        if not _PART.fullmatch(part):
            raise ValueError(f"not a part of a key: {part!r}")
    return ObjectKey("/".join(parts))
