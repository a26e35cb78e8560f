"""The seam between the service and whatever makes videos: a job in, a file out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from pydantic import BaseModel

from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.notebook import NoNotebook, Notebook
from spark_avatar.media.arrays import RGBImage
from spark_avatar.media.audio import AudioFacts
from spark_avatar.media.image import ImageFacts
from spark_avatar.media.marks import FrameMark
from spark_avatar.media.quality import QualityWarning
from spark_avatar.media.video_format import MP4, VideoFormat

GENERATED: Final = "trainedAlgorithmicMedia"
COMPOSITE: Final = "compositeWithTrainedAlgorithmicMedia"
"""Terms of the IPTC's digital source types: made by a trained model; a picture that was there, altered with one."""


@dataclass(frozen=True)
class Portrait:
    """The picture of a job: a file that was probed and is within the limits."""

    path: Path
    facts: ImageFacts


@dataclass(frozen=True)
class Speech:
    """The recording of a job: a file that was probed and is within the limits."""

    path: Path
    facts: AudioFacts


def _tell_nobody(path: Path) -> None:
    del path


@dataclass(frozen=True)
class RenderJob:
    """Everything that an engine needs; it may read the inputs and write below `workdir`, nothing else."""

    portrait: Portrait
    motion: Speech | AnimationTrack
    """A recording to speak, or a finished track to follow without sound."""
    options: BaseModel
    """An instance of the engine's own `Options`."""
    seed: int
    """Same inputs, options and seed: same frames."""
    workdir: Path
    """An existing folder of this job's own, removed by its owner afterwards."""
    notebook: Notebook = field(default_factory=NoNotebook)
    """For engines that have the job done elsewhere."""
    mark: FrameMark | None = None
    """What the video's frames are to carry: for `VideoWriter` and `take_over`."""
    background: Portrait | None = None
    """A picture to put behind the person, for engines that can: a file that was probed and is within the limits."""
    announce: Callable[[Path], None] = _tell_nobody
    """To be told where the video will stand, by engines that write it front to back while they render, as `VideoWriter` does."""


@dataclass(frozen=True)
class Rendition:
    """A finished video."""

    path: Path
    seconds: float
    frames: int
    frame_rate: Fraction
    width: int
    height: int
    engine: str
    seed: int
    compute_units: int
    """What the work cost: tenths of a processor second, rounded up, for engines that run here."""
    timings: dict[str, float]
    """Wall seconds by stage."""
    job_id: str = ""
    """The id of a remote engine's job."""
    diagnostics: dict[str, object] = field(default_factory=dict)
    """`face` and `audio`: what was measured of the inputs."""
    warnings: tuple[QualityWarning, ...] = ()
    thumbnail: Path | None = None
    """A JPEG of the video's first good frame, without marks, where the engine makes one."""
    source_type: str = GENERATED
    """What kind of media this is: a term of the IPTC's digital source types."""
    format: VideoFormat = MP4
    """The kind of file."""
    transparent: bool = False
    """Nothing is behind the person."""
    preview: Path | None = None
    """The first seconds as an animated WebP; filled in by the pipeline."""
    provenance: dict[str, object] = field(default_factory=dict)
    """What the file says of itself; filled in by the pipeline."""


class RenderMonitor(Protocol):
    """Watches a render: told of progress, asked whether to go on."""

    def progress(self, fraction: float, stage: str) -> None:
        """`fraction` 0..1 of the whole job is done and `stage` is under way."""

    def checkpoint(self) -> None:
        """Called at least once a frame; raises `Canceled` or `TimedOut` when the job should end."""


class SilentMonitor:
    """Nobody watches."""

    def progress(self, fraction: float, stage: str) -> None:
        """Ignores it."""

    def checkpoint(self) -> None:
        """Never stops."""


class Engine(Protocol):
    """Turns jobs into videos. An instance is built once per process and stays warm; `render` is not called concurrently."""

    name: str
    Options: type[BaseModel]
    """Parameters of the model, each with type, bounds, default and description: the spec, the CLI's help and the docs follow
    from it."""

    def warm_up(self) -> None:
        """Loads what the first job would otherwise wait for."""

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        """Writes the video below `job.workdir`.

        Raises `InputError` for inputs that cannot be used, `GenerationError` for faults of its own.
        """
        ...


@dataclass(frozen=True)
class MotionPlan:
    """All that happens in a video, before a frame of it is drawn."""

    track: AnimationTrack
    pauses: tuple[tuple[float, float], ...]
    """Seconds from and to which nobody speaks, in order: good places to cut."""
    first_frame: RGBImage
    """The video's first frame, without marks: what marks are fitted to."""
    compute_units: int
    """As in `Rendition`, of making the plan."""
    source_type: str = GENERATED
    """As in `Rendition`."""
    diagnostics: dict[str, object] = field(default_factory=dict)
    warnings: tuple[QualityWarning, ...] = ()


@runtime_checkable
class PlanningEngine(Engine, Protocol):
    """An engine that can render any part of a video by itself: a frame depends on the portrait, the options and its own place in
    the track, not on other frames. Parts of a plan's track, rendered as tracks (`RenderJob.motion`) by several workers, give the
    frames that `render` gives. Engines without `plan` render a video in one go.
    """

    def plan(self, job: RenderJob, monitor: RenderMonitor) -> MotionPlan | None:
        """Analyses the inputs; None for a job that is rendered in one go only. Raises as `render` does."""
        ...
