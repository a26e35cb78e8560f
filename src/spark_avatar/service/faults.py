"""How faults of an input are told apart: the same mistake has one code for the image and one for the audio."""

from dataclasses import dataclass
from typing import Final, Literal

from spark_avatar.errors import (
    AudioTooLong,
    AudioUnreadable,
    AudioUrlInvalid,
    Fact,
    ImageTooManyBytes,
    ImageUnreadable,
    ImageUrlInvalid,
    InputError,
    RemoteStatusError,
)
from spark_avatar.media.limits import MEBIBYTE, MediaLimits

InputKind = Literal["image", "audio", "background"]


@dataclass(frozen=True)
class InputFaults:
    """Makes the errors of one kind of input."""

    kind: InputKind
    url_invalid: type[InputError]
    unreadable: type[InputError]
    oversized: type[InputError]
    limit_bytes: int

    @property
    def parameter(self) -> str:
        """The request's parameter."""
        return "background" if self.kind == "background" else f"{self.kind}_url"

    def invalid(self, reason: str, **facts: str | int) -> InputError:
        """The URL cannot be used."""
        return self.url_invalid(f"`{self.parameter}` {reason}", facts=facts)

    def remote(self, host: str, reason: str, **facts: str | int | float) -> RemoteStatusError:
        """The host did not deliver. The URL's path and query are never told: they may hold a secret."""
        return RemoteStatusError(f"`{self.parameter}`: {host} {reason}", facts={"host": host, **facts})

    def too_large(self, size: int | None) -> InputError:
        """More bytes than allowed; `size` where it is known."""
        limit = f"{self.limit_bytes / MEBIBYTE:g} MiB"
        advice = "scale it down or save it as JPEG" if self.kind != "audio" else "shorten it or save it as MP3 or AAC"
        measured = f"has {size / MEBIBYTE:.1f} MiB" if size is not None else f"has more than {limit}"
        facts: dict[str, Fact] = {f"{self.kind}_limit_bytes": self.limit_bytes}
        if size is not None:
            facts[f"{self.kind}_bytes"] = size
        return self.oversized(f"The {self.kind} {measured}; at most {limit} are allowed: {advice}.", facts=facts)

    def empty(self) -> InputError:
        """No bytes at all."""
        return self.unreadable(
            f"The {self.kind} is empty (0 bytes): check that the address leads to the file itself.",
            facts={f"{self.kind}_bytes": 0},
        )


def faults_of(kind: InputKind, limits: MediaLimits) -> InputFaults:
    """The errors for a picture or a recording."""
    if kind != "audio":
        return InputFaults(kind, ImageUrlInvalid, ImageUnreadable, ImageTooManyBytes, limits.image_bytes)
    return InputFaults(kind, AudioUrlInvalid, AudioUnreadable, AudioTooLong, limits.audio_bytes)


ADVICE_PUBLIC: Final = "give an address that is reachable from the public Internet, or upload the file"
