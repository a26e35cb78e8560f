"""Says of every video what it is: marks its frames, tags the file, and signs it."""

import functools
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spark_avatar.errors import ConfigurationError
from spark_avatar.media.quality import QualityWarning
from spark_avatar.media.video_format import MP4, VideoFormat

if TYPE_CHECKING:
    from spark_avatar.provenance.certificate import Credentials
    from spark_avatar.provenance.marks import VideoMarks

_RENDERS: Final = uuid.UUID("5f0d3ac2-6c0e-4c37-9e0b-7f6a1d2c8b45")
"""Namespace of the ids of renders without a task."""
FOLDER: Final = "provenance"
"""In the data folder: the self-made certificate and its key."""
WATERMARK_MISSING: Final = QualityWarning(
    "watermark_missing", "The frames carry no watermark: they are smaller than 128 pixels, or their engine made them elsewhere."
)


@dataclass(frozen=True)
class ProvenanceRules:
    """What the operator wants."""

    manifest: bool = True
    """Sign a C2PA manifest."""
    tags: bool = True
    """Write an XMP packet with the digital source type."""
    watermark: bool = True
    """Carry the id in the frames."""
    watermark_always: bool = False
    """Encode finished videos of other engines anew for it."""
    label: bool = False
    """Show a label on every video, not only where a request asks for one."""
    label_text: str = "AI-generated"
    label_font: Path | None = None
    """A TrueType or OpenType file; by default one that has the letters of ASCII."""
    certificate: Path | None = None
    key: Path | None = None
    """The operator's, in PEM; without them self-made ones sign."""
    folder: Path | None = None
    """Keeps the self-made ones; without it they live as long as the process."""


@dataclass(frozen=True)
class Origin:
    """Which video is asked for."""

    identity: str
    """A UUID: the task's id, or `render_identity`."""
    label: bool = False
    """Whether a visible label was asked for."""
    consent: bool = False
    """Whether the caller stated that the person shown agrees."""


def digest(source: object) -> str:
    """SHA-256 of a file, or of a value that JSON can hold, in hex."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()


def render_identity(**what: object) -> str:
    """The UUID of a render without a task: it follows from what is rendered, so that the same frames come out again."""
    return str(uuid.uuid5(_RENDERS, digest(what)))


def watermark_id(identity: str) -> int:
    """The 64 bits that a watermark carries: the first half of the UUID."""
    return uuid.UUID(identity).int >> 64


def identity_prefix(watermark: int) -> str:
    """How a UUID with this watermark begins."""
    digits = f"{watermark:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:]}"


class Provenance:
    """Marks the videos of one process."""

    def __init__(self, rules: ProvenanceRules) -> None:
        self.rules = rules

    @functools.cached_property
    def credentials(self) -> "Credentials":
        """What signs; made on first use where the operator gave none. Raises `ConfigurationError`."""
        from spark_avatar.provenance.certificate import kept_credentials, new_credentials, read_credentials

        rules = self.rules
        if rules.certificate is not None and rules.key is not None:
            return read_credentials(rules.certificate, rules.key)
        if rules.certificate is not None or rules.key is not None:
            raise ConfigurationError(
                "SPARK_AVATAR_PROVENANCE_CERTIFICATE and SPARK_AVATAR_PROVENANCE_KEY belong together: set both, or neither"
            )
        return kept_credentials(rules.folder) if rules.folder is not None else new_credentials()

    @property
    def made(self) -> bool:
        """Whether the self-made certificate is there already."""
        from spark_avatar.provenance.certificate import CERTIFICATE_NAME

        return self.rules.folder is not None and (self.rules.folder / CERTIFICATE_NAME).exists()

    def describe(self) -> str:
        """Who signs, in words. Raises `ConfigurationError`."""
        if not self.rules.manifest:
            return "manifests are switched off"
        who = self.credentials
        trust = "untrusted, made by this program" if who.self_made else "the operator's"
        return f"signed as {who.subject!r} ({trust}; {who.algorithm}, until {who.expires:%Y-%m-%d})"

    def check(self) -> None:
        """Makes sure that videos can be marked. Raises `ConfigurationError`."""
        from spark_avatar.provenance.marks import caption

        caption(self.rules.label_text, self.rules.label_font)
        if self.rules.manifest:
            from spark_avatar.provenance.manifest import check_credentials

            check_credentials(self.credentials)

    def begin(self, origin: Origin) -> "VideoMarks":
        """The marks for the frames of one video. Raises `ConfigurationError`."""
        from spark_avatar.provenance.marks import VideoMarks, caption

        rules = self.rules
        if rules.manifest:
            _ = self.credentials  # fails before the work, not after it
        label = caption(rules.label_text, rules.label_font) if rules.label or origin.label else None
        identity = watermark_id(origin.identity) if rules.watermark else None
        return VideoMarks(identity, label, always=rules.watermark_always)

    def warnings(self, marks: "VideoMarks") -> tuple[QualityWarning, ...]:
        """What is missing of the marks."""
        return (WATERMARK_MISSING,) if self.rules.watermark and not marks.watermarked else ()

    def seal(
        self,
        video: Path,
        origin: Origin,
        marks: "VideoMarks",
        *,
        engine: str,
        source_type: str,
        inputs: Mapping[str, str],
        video_format: VideoFormat = MP4,
    ) -> dict[str, object]:
        """Tags and signs a finished video in place; tells what it carries. `inputs` are digests by role. A format that holds no
        manifest is not signed.

        Raises `GenerationError` and `ConfigurationError`: a video that should be signed is never handed out unsigned.
        """
        rules = self.rules
        if rules.tags:
            from spark_avatar.provenance.tags import write_tags

            write_tags(video, source_type=source_type, identity=origin.identity, video_format=video_format)
        signs = rules.manifest and video_format.boxed
        if signs:
            from spark_avatar.provenance.manifest import Ingredient, Statement, sign_video

            statement = Statement(
                identity=origin.identity,
                source_type=source_type,
                engine=engine,
                ingredients=tuple(Ingredient(role, sha256) for role, sha256 in inputs.items()),
                watermarked=marks.watermarked,
                consent=origin.consent,
            )
            signed = video.with_name(f"signed-{video.name}")
            sign_video(video, signed, statement, self.credentials, video_format)
            signed.replace(video)
        return {
            "id": origin.identity,
            "digital_source_type": source_type,
            "manifest": self.credentials.subject if signs else None,
            "tags": rules.tags,
            "watermark": marks.watermarked,
            "label": marks.labelled,
            "consent": origin.consent,
        }
