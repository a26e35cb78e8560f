"""What a video says of itself. A video without any mark is a good answer too; it proves nothing, as marks can be removed."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

_WIRE = ConfigDict(frozen=True)


class ManifestView(BaseModel):
    """The signed C2PA manifest."""

    model_config = _WIRE

    intact: bool
    """Signature and digests fit: nothing was changed since it was signed."""
    trusted: bool
    """The operator's list leads to the signer."""
    self_made: bool
    """The signer came by itself with an installation of this program: nobody has checked who it is."""
    signer: str
    issuer: str
    generator: str
    source_type: str | None
    """IPTC digital source type."""
    identity: str | None
    consent: bool
    faults: tuple[str, ...]
    """Codes of what does not fit, as C2PA names them."""


class TagsView(BaseModel):
    """Plain metadata."""

    model_config = _WIRE

    source_type: str | None
    identity: str | None
    tool: str | None


class WatermarkView(BaseModel):
    """What the frames carry."""

    model_config = _WIRE

    id: str
    """How the id begins."""
    score: float
    """How surely it was read; counts from 10."""


class KnownTaskView(BaseModel):
    """The caller's own task that made the video."""

    model_config = _WIRE

    id: str
    status: str
    created_at: int
    """Unix seconds."""


class VerificationView(BaseModel):
    """The answer to a video."""

    model_config = _WIRE

    verdict: Literal["intact", "changed", "marked", "nothing"]
    """`intact`: a manifest that fits. `changed`: one that does not. `marked`: no manifest, but tags or a watermark, as in a copy
    that was encoded anew. `nothing`: no mark.
    """
    id: str | None
    """The id that the marks name, or how it begins."""
    manifest: ManifestView | None
    tags: TagsView | None
    comment: bool
    """Whether the plain comment of this program is there."""
    watermark: WatermarkView | None
    task: KnownTaskView | None
