"""What a video says of itself, wherever it comes from."""

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spark_avatar.errors import ConfigurationError, InputError
from spark_avatar.media.encoder import PROVENANCE
from spark_avatar.media.video import probe_video, read_frames
from spark_avatar.provenance.manifest import ManifestFinding, read_manifest
from spark_avatar.provenance.provenance import identity_prefix
from spark_avatar.provenance.tags import Tags, read_tags, tags_in
from spark_avatar.provenance.watermark import Watermark, read_watermark

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}(-[0-9a-f]{4}-[0-9a-f]{12})?")
"""A UUID, or what a watermark holds of one."""


class Verdict(StrEnum):
    """What it comes to."""

    INTACT = "intact"
    """A manifest whose signature and digests fit."""
    CHANGED = "changed"
    """A manifest that does not fit the file: something was changed since it was signed."""
    MARKED = "marked"
    """No manifest, but tags or a watermark: a copy that was encoded or packed anew."""
    NOTHING = "nothing"
    """No mark at all. That proves nothing: marks can be removed."""


@dataclass(frozen=True)
class Examination:
    """Everything that was found."""

    manifest: ManifestFinding | None
    tags: Tags | None
    commented: bool
    """Whether the plain comment of this program is there."""
    watermark: Watermark | None

    @property
    def verdict(self) -> Verdict:
        """What it comes to."""
        if self.manifest is not None:
            return Verdict.INTACT if self.manifest.intact else Verdict.CHANGED
        return Verdict.MARKED if self.tags or self.commented or self.watermark else Verdict.NOTHING

    @property
    def watermark_id(self) -> str | None:
        """How the id begins that the watermark carries."""
        return identity_prefix(self.watermark.identity) if self.watermark is not None else None

    @property
    def identity(self) -> str | None:
        """The id to look for: the signed one if it may be believed, else what the frames carry, else what the tags say; None
        where that is no id.
        """
        signed = self.manifest.identity if self.manifest is not None and self.manifest.intact else None
        told = signed or self.watermark_id or (self.tags.identity if self.tags is not None else None)
        return told if told is not None and _ID.fullmatch(told) else None

    def document(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return {
            "verdict": self.verdict.value,
            "id": self.identity,
            "manifest": asdict(self.manifest) | {"self_made": self.manifest.self_made} if self.manifest else None,
            "tags": asdict(self.tags) if self.tags else None,
            "comment": self.commented,
            "watermark": {"id": self.watermark_id, "score": round(self.watermark.score, 1)} if self.watermark else None,
        }


def examine(video: Path, *, trust: Path | None = None) -> Examination:
    """Reads all marks of a video; `trust` is a PEM file of the certificates to believe. Fetches nothing.

    Raises `InputError` for a file that is no video, and `ConfigurationError` for a trust file that cannot be read.
    """
    facts = probe_video(video)
    anchors = _anchors(trust) if trust is not None else None
    boxed = _is_mp4(video)
    try:
        watermark = read_watermark(read_frames(video))
    except InputError:  # damaged behind the first frames: the rest is still worth telling
        watermark = None
    return Examination(
        manifest=read_manifest(video, anchors=anchors) if boxed else None,
        tags=read_tags(video) if boxed else tags_in(facts.metadata),
        commented=facts.comment == PROVENANCE,
        watermark=watermark,
    )


def check_trust(path: Path) -> int:
    """How many certificates the trust file has. Raises `ConfigurationError` for one that cannot be read, or has none."""
    return len(_trusted(path))


def _anchors(path: Path) -> bytes:
    """The trust file's certificates in PEM, and nothing else of it: what the reader of manifests cannot read there, it takes for
    a broken signature of every video.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in _trusted(path))


def _trusted(path: Path) -> "list[Certificate]":
    from cryptography.x509 import load_pem_x509_certificates  # who trusts nobody needs none of it

    try:
        return load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the trust file cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError("the trust file holds no certificates that can be read: give them in PEM") from error


def _is_mp4(video: Path) -> bool:
    with video.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"
