"""The use case of telling what a video says of itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spark_avatar.errors import InputError, WrongMediaType
from spark_avatar.schemas.identity import AccountId
from spark_avatar.service.helper_process import HelperProcess
from spark_avatar.tasks.task import Task

MOST_PIXELS: Final = 4096 * 4096
"""Of a frame: a file of a few bytes may claim frames that fill the memory."""

Findings = dict[str, Any]
"""As `provenance.examine.Examination.document` makes them: its class would load into the server what reads videos."""


def inspect_video(path: Path, trust: Path | None) -> Findings:
    """All marks of a video. In a helper process: videos of strangers are decoded there and not in the server.

    Raises `WrongMediaType` for a file that is no video, or one with too many pixels.
    """
    from spark_avatar.media.video import probe_video
    from spark_avatar.provenance.examine import examine

    try:
        facts = probe_video(path)
        if facts.width * facts.height > MOST_PIXELS:
            raise WrongMediaType(f"The video has {facts.width} x {facts.height} pixels: at most {MOST_PIXELS} are looked at.")
        return examine(path, trust=trust).document()
    except WrongMediaType:
        raise
    except InputError as error:
        raise WrongMediaType(error.message) from None


@dataclass(frozen=True)
class VerificationService:
    """Looks at videos one after the other, in a process of its own: they take longer than pictures."""

    helper: HelperProcess
    find: Callable[[str, AccountId], Task | None]
    """The account's task whose id begins so."""
    trust: Path | None = None
    """PEM file of the certificates to believe."""

    def verify(self, video: Path, *, account_id: AccountId) -> tuple[Findings, Task | None]:
        """What was found, and the account's own task that made the video. Raises `WrongMediaType`, and `QueueFull` when too many
        are being looked at, or it takes too long.
        """
        found = self.helper.call(inspect_video, video, self.trust)
        identity = found["id"]
        return found, self.find(identity, account_id) if identity is not None else None
