"""Files in, video out: the façade that the command line, the worker and the library share."""

import errno
import functools
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.engine import (
    MotionPlan,
    PlanningEngine,
    Portrait,
    RenderJob,
    RenderMonitor,
    Rendition,
    SilentMonitor,
    Speech,
)
from spark_avatar.engines.notebook import NoNotebook, Notebook
from spark_avatar.engines.options import WithBackground, validate_options
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.engines.seed import MAX_SEED, draw_seed
from spark_avatar.errors import GenerationError, InvalidOptions, SparkAvatarError, about
from spark_avatar.media.arrays import RGBImage
from spark_avatar.media.audio import probe_audio
from spark_avatar.media.destinations import check_destinations
from spark_avatar.media.image import can_write_image, probe_image, read_image, write_image
from spark_avatar.media.join import join
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.marks import ContinuedMark
from spark_avatar.media.preview import write_preview
from spark_avatar.media.video import probe_video, read_frames
from spark_avatar.media.video_format import MP4, format_of
from spark_avatar.provenance.provenance import Origin, Provenance, ProvenanceRules, digest, render_identity

if TYPE_CHECKING:
    from spark_avatar.provenance.marks import VideoMarks

_DEFAULT_LIMITS = MediaLimits()
_SILENT = SilentMonitor()
_NO_NOTES = NoNotebook()


def render(
    image: Path,
    audio: Path | AnimationTrack,
    output: Path,
    *,
    engine: str = "portrait",
    options: Mapping[str, object] | None = None,
    seed: int | None = None,
    limits: MediaLimits = _DEFAULT_LIMITS,
    monitor: RenderMonitor = _SILENT,
    workdir: Path | None = None,
    thumbnail: Path | None = None,
    preview: Path | None = None,
    background: Path | None = None,
    label: bool = False,
) -> Rendition:
    """Makes a talking video of a portrait and a recording.

    `audio` may be a finished `AnimationTrack` instead: the portrait follows it, without sound. `output` appears whole or
    not at all, and replaces what was there, but never an input; its suffix, .mp4, .webm or .mov, says the format. `seed`
    (0..2**32-1) makes it reproducible; without one a seed is drawn, and told in the result. Scratch files go to a folder of their
    own in `workdir` (by default the system's folder for them), which is removed however this ends. `thumbnail` gets a good frame
    of the video, JPEG or PNG by its suffix; `preview` its first seconds as a small animated WebP. `background` is a picture to
    put behind the person. `label` shows "AI-generated" in a corner.
    Engines stay warm for the next call in this process.

    The video says what it is, and is signed by a certificate of this process alone: make a `Pipeline` with a `Provenance` to
    have it otherwise.

    Raises `InputError` for inputs and options that cannot be used (`ImageUnreadable`, `FaceNotFound`, `AudioSilent`,
    `InvalidOptions`, ...), `ConfigurationError` for an engine that is not installed, `GenerationError` when the engine
    fails, and what the monitor raises to end the job.
    """
    pipeline = Pipeline(_installed_engines(), limits, _own_provenance())
    return pipeline.render(
        image,
        audio,
        output,
        engine=engine,
        options=with_format(output, options or {}),
        seed=seed,
        monitor=monitor,
        workdir=workdir,
        thumbnail=thumbnail,
        preview=preview,
        background=background,
        label=label,
    )


def with_format(output: Path, options: Mapping[str, object]) -> dict[str, object]:
    """The options, with the format that the output's suffix names. Raises `InvalidOptions` where it names none, or another than
    they do.
    """
    named, given = format_of(output), options.get("format") or "auto"
    if named is None:
        raise InvalidOptions("the output's suffix must be .mp4, .webm or .mov", facts={"option": "output"})
    if given not in ("auto", named.name):
        raise InvalidOptions(f"the output's suffix says {named.name}, not {given}", facts={"option": "format"})
    if named == MP4 and options.get("background") != "transparent":
        return dict(options)  # every engine writes these, without knowing of formats
    return {**options, "format": named.name}


@functools.cache
def _installed_engines() -> EngineRegistry:
    return EngineRegistry()


@functools.cache
def _own_provenance() -> Provenance:
    return Provenance(ProvenanceRules())


@dataclass(frozen=True)
class Pipeline:
    """Renders with engines that stay warm. One job at a time."""

    engines: EngineRegistry
    limits: MediaLimits = field(default_factory=MediaLimits)
    provenance: Provenance = field(default_factory=_own_provenance)
    """Marks the videos."""

    def warm_up(self, engine: str) -> None:
        """Loads what the first job would otherwise wait for."""
        self.engines.engine(engine).warm_up()

    def render(
        self,
        image: Path,
        audio: Path | AnimationTrack,
        output: Path,
        *,
        engine: str,
        options: Mapping[str, object] | None = None,
        seed: int | None = None,
        monitor: RenderMonitor = _SILENT,
        workdir: Path | None = None,
        thumbnail: Path | None = None,
        preview: Path | None = None,
        background: Path | None = None,
        notebook: Notebook = _NO_NOTES,
        announce: Callable[[Path], None] | None = None,
        identity: str | None = None,
        label: bool = False,
        consent: bool = False,
    ) -> Rendition:
        """As `render` above. `notebook` lets a later attempt at the same task take up a job that is under way elsewhere;
        `announce` is told where the video grows, if it does so here, front to back; only its front is other in the end;
        `identity` is the task's id, a UUID, for the marks of the video; by default it follows from what is rendered.
        `consent` says that the person shown agreed. Raises `ConfigurationError` too where videos cannot be marked.
        """
        started = time.perf_counter()
        files = [path for path in (image, audio, background) if isinstance(path, Path)]
        check_destinations(files, output=output, thumbnail=thumbnail, preview=preview)
        if thumbnail is not None and not can_write_image(thumbnail):
            raise InvalidOptions("the thumbnail must be a .jpg or .png", facts={"option": "thumbnail"})
        if preview is not None and preview.suffix.lower() != ".webp":
            raise InvalidOptions("the preview must be a .webp", facts={"option": "preview"})
        seed = _checked(seed)
        checked = validate_options(self.engines.options(engine), options or {})
        if background is not None and not isinstance(checked, WithBackground):
            raise InvalidOptions(f"the engine {engine} puts no picture behind the person", facts={"option": "background"})
        inputs = {"portrait": digest(image), **_motion_digest(audio)}
        if background is not None:
            inputs["background"] = digest(background)
        identity = identity or render_identity(inputs=inputs, engine=engine, seed=seed, options=checked.model_dump(mode="json"))
        origin = Origin(identity, label=label, consent=consent)
        marks = self.provenance.begin(origin)
        with tempfile.TemporaryDirectory(prefix="spark-avatar-", dir=workdir, ignore_cleanup_errors=True) as scratch:
            portrait, motion = self._probe(image, audio, monitor)
            probed = time.perf_counter()
            behind = None if background is None else self._probe_background(background)
            job = RenderJob(portrait, motion, checked, seed, Path(scratch), notebook, marks, behind)
            if announce is not None:
                job = replace(job, announce=announce)
            rendition = self.engines.engine(engine).render(job, monitor)
            rendered = time.perf_counter()
            _verify(rendition, has_sound=isinstance(motion, Speech))
            if thumbnail is not None:
                write_image(thumbnail, _good_frame(rendition, marks))
            if preview is not None:
                write_preview(rendition.path, preview, transparent=rendition.transparent)
            provenance = self.provenance.seal(
                rendition.path,
                origin,
                marks,
                engine=rendition.engine,
                source_type=rendition.source_type,
                inputs=inputs,
                video_format=rendition.format,
            )
            _move(rendition.path, output)
        ended = time.perf_counter()
        timings = {"probe": probed - started, **rendition.timings, "finish": ended - rendered, "total": ended - started}
        warnings = rendition.warnings + self.provenance.warnings(marks)
        return replace(
            rendition,
            path=output,
            timings=timings,
            thumbnail=thumbnail,
            preview=preview,
            warnings=warnings,
            provenance=provenance,
        )

    def plan(
        self,
        image: Path,
        audio: Path,
        *,
        engine: str,
        options: Mapping[str, object],
        seed: int,
        monitor: RenderMonitor,
        workdir: Path,
    ) -> MotionPlan | None:
        """What will happen in the video, for workers that render parts of it; None where the engine renders in one go only.
        Raises as `render` does.
        """
        planner = self.engines.engine(engine)
        if not isinstance(planner, PlanningEngine):
            return None
        checked = validate_options(self.engines.options(engine), options)
        with tempfile.TemporaryDirectory(prefix="spark-avatar-", dir=workdir, ignore_cleanup_errors=True) as scratch:
            portrait, motion = self._probe(image, audio, monitor)
            return planner.plan(RenderJob(portrait, motion, checked, _checked(seed), Path(scratch)), monitor)

    def render_part(
        self,
        image: Path,
        plan: MotionPlan,
        frames: tuple[int, int],
        *,
        engine: str,
        options: Mapping[str, object],
        seed: int,
        monitor: RenderMonitor,
        workdir: Path,
        origin: Origin,
    ) -> Rendition:
        """The frames [first, end) of a planned video, without sound, in `workdir`: with the marks of the whole video in them, but
        neither tagged nor signed. Raises as `render` does.
        """
        portrait = Portrait(image, probe_image(image, self.limits))
        mark = ContinuedMark(self.provenance.begin(origin), plan.first_frame)
        checked = validate_options(self.engines.options(engine), options)
        job = RenderJob(portrait, plan.track.part(*frames), checked, _checked(seed), workdir, mark=mark)
        rendition = self.engines.engine(engine).render(job, monitor)
        _verify(rendition, has_sound=False)
        return rendition

    def join(
        self,
        parts: Sequence[Path],
        image: Path,
        audio: Path,
        output: Path,
        plan: MotionPlan,
        *,
        engine: str,
        seed: int,
        origin: Origin,
        thumbnail: Path | None = None,
        preview: Path | None = None,
    ) -> Rendition:
        """Puts the parts of a planned video together, with the sound, tagged and signed. `output` appears whole or not at all;
        `thumbnail` gets the first frame, `preview` the first seconds.

        Raises `PartsDiffer` where the parts were not encoded alike, `GenerationError`, `ConfigurationError`.
        """
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=".joining-", dir=output.parent, ignore_cleanup_errors=True) as scratch:
            draft = Path(scratch) / output.name
            join(parts, draft, audio=audio)
            facts = probe_video(draft)
            rendition = Rendition(
                path=draft,
                seconds=plan.track.seconds,
                frames=len(plan.track),
                frame_rate=plan.track.frame_rate,
                width=facts.width,
                height=facts.height,
                engine=engine,
                seed=seed,
                compute_units=plan.compute_units,
                timings={},
                diagnostics=plan.diagnostics,
                source_type=plan.source_type,
            )
            _verify(rendition, has_sound=True)
            marks = self.provenance.begin(origin)
            first_frame = plan.first_frame.copy()
            marks.draw(first_frame)  # as every part did: tells what the frames carry
            if thumbnail is not None:
                write_image(thumbnail, first_frame)
            if preview is not None:
                write_preview(draft, preview)
            inputs = {"portrait": digest(image), "recording": digest(audio)}
            provenance = self.provenance.seal(draft, origin, marks, engine=engine, source_type=plan.source_type, inputs=inputs)
            draft.replace(output)
        timings = {"joining": round(time.perf_counter() - started, 4)}
        warnings = plan.warnings + self.provenance.warnings(marks)
        return replace(
            rendition,
            path=output,
            timings=timings,
            thumbnail=thumbnail,
            preview=preview,
            warnings=warnings,
            provenance=provenance,
        )

    def _probe_background(self, background: Path) -> Portrait:
        with about("the background"):
            return Portrait(background, probe_image(background, self.limits))

    def _probe(
        self, image: Path, audio: Path | AnimationTrack, monitor: RenderMonitor
    ) -> tuple[Portrait, Speech | AnimationTrack]:
        monitor.progress(0.0, "probe")
        portrait = Portrait(image, probe_image(image, self.limits))
        monitor.checkpoint()
        motion = audio if isinstance(audio, AnimationTrack) else Speech(audio, probe_audio(audio, self.limits))
        monitor.checkpoint()
        return portrait, motion


def _checked(seed: int | None) -> int:
    if seed is None:
        return draw_seed()
    if not 0 <= seed <= MAX_SEED:
        raise InvalidOptions(f"`seed` cannot be {seed}: give a whole number from 0 to {MAX_SEED}", facts={"option": "seed"})
    return seed


def _verify(rendition: Rendition, *, has_sound: bool) -> None:
    """Looks at the finished file as a player would. Raises `GenerationError`: a broken video is never handed out."""
    try:
        facts = probe_video(rendition.path)
    except SparkAvatarError as error:
        raise GenerationError("the finished video cannot be decoded") from error
    if facts.frames != rendition.frames or facts.frames == 0:
        raise GenerationError(f"the finished video has {facts.frames} frames instead of {rendition.frames}")
    if not has_sound:
        return
    if facts.audio_seconds is None:
        raise GenerationError("the finished video has no sound")
    if abs(facts.audio_seconds - facts.seconds) > 1 / rendition.frame_rate:
        raise GenerationError(
            f"picture ({facts.seconds:.3f} s) and sound ({facts.audio_seconds:.3f} s) of the finished video differ in length"
        )


def _good_frame(rendition: Rendition, marks: "VideoMarks") -> RGBImage:
    """The engine's own thumbnail, marked like the video, or the video's first frame."""
    if rendition.thumbnail is None:
        return next(read_frames(rendition.path))
    frame = read_image(rendition.thumbnail)
    if marks.drawn:
        marks.draw(frame)
    return frame


def _motion_digest(audio: Path | AnimationTrack) -> dict[str, str]:
    """The motion's role among the inputs, and its digest."""
    return {"track": digest(audio.to_dict())} if isinstance(audio, AnimationTrack) else {"recording": digest(audio)}


def _move(source: Path, target: Path) -> None:
    """Renames, so that `target` is never half a file; over a border of file systems by way of a copy beside it."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    else:
        return
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        shutil.copyfile(source, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
