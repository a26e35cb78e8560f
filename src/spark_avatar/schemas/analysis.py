"""What was found in a portrait or a recording. An input that cannot be used is a good answer too: `usable` is false then, and
`error` says why, with the code that a task would fail with.
"""

from pydantic import BaseModel, ConfigDict

_WIRE = ConfigDict(frozen=True)


class FindingView(BaseModel):
    """One thing that is wrong, or could be better."""

    model_config = _WIRE

    code: str
    message: str


class MeshView(BaseModel):
    """The face mesh, for drawing it on the picture."""

    model_config = _WIRE

    points: list[tuple[float, float]]
    """In pixels of the picture."""
    edges: list[tuple[int, int]]
    """Pairs of indices into `points`."""


class PortraitAnalysis(BaseModel):
    """A portrait that was looked at."""

    model_config = _WIRE

    usable: bool
    error: FindingView | None = None
    """Only where it is not usable."""
    warnings: tuple[FindingView, ...] = ()
    image: dict[str, object] | None = None
    """`format`, `width`, `height` as it is shown, `bytes`."""
    face: dict[str, object] | None = None
    """As in a task's `metadata.face`."""
    mesh: MeshView | None = None


class WaveformView(BaseModel):
    """The recording as a curve."""

    model_config = _WIRE

    peaks: list[float]
    """The loudest sample of each of as many stretches of the same length, 0..1."""


class RecordingAnalysis(BaseModel):
    """A recording that was looked at."""

    model_config = _WIRE

    usable: bool
    error: FindingView | None = None
    """Only where it is not usable."""
    warnings: tuple[FindingView, ...] = ()
    audio: dict[str, object] | None = None
    """`codec`, `seconds`, `sample_rate`, `channels`, `bytes`, `missing_seconds` (cut off, by the header), and what stands in a
    task's `metadata.audio`."""
    waveform: WaveformView | None = None
    segments: list[tuple[float, float]] | None = None
    """Where somebody speaks: start and end in seconds."""
