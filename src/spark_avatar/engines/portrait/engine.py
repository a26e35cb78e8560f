"""The built-in engine: a portrait speaks on the processor alone, by warping the picture itself."""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from pydantic import BaseModel

from spark_avatar.animation.animator import animate
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.engine import COMPOSITE, MotionPlan, RenderJob, RenderMonitor, Rendition, Speech
from spark_avatar.engines.portrait.frames import frames
from spark_avatar.engines.portrait.framing import frame_size
from spark_avatar.engines.portrait.lip_space import lip_space
from spark_avatar.engines.portrait.options import TRANSPARENT, Options
from spark_avatar.engines.portrait.portrait_rig import PortraitRig, build_rig
from spark_avatar.engines.portrait.setting import BACKGROUND_KEPT, Backdrop, cropped_to_face
from spark_avatar.errors import InvalidOptions, about
from spark_avatar.face.analyzer import FaceAnalyzer
from spark_avatar.face.rig import FaceDiagnostics
from spark_avatar.media.arrays import RGBAImage, RGBImage
from spark_avatar.media.image import read_image, write_image
from spark_avatar.media.quality import QualityWarning
from spark_avatar.media.video import VideoWriter
from spark_avatar.media.video_format import MP4, VideoFormat
from spark_avatar.speech.activity import pauses
from spark_avatar.speech.analyzer import analyze_speech
from spark_avatar.speech.features import SpeechFeatures

REMEMBERED_PORTRAITS: Final = 3
"""Rigs kept for portraits that come again: up to 60 MB each at 1080p."""
ANALYSED: Final = 0.08
RENDERED: Final = 0.98
"""Shares of the job that are done after a stage."""
UNITS_PER_SECOND: Final = 10
FILE_NAME: Final = "portrait"
THUMBNAIL_NAME: Final = "portrait.jpg"
OPEN_EYES: Final = 0.2
"""Blink under which a frame may stand for the video."""


_Options = Options
"""The name within the class, where `Options` is the attribute."""


@dataclass(frozen=True)
class _Subject:
    """A portrait that is ready to be animated."""

    rig: PortraitRig
    diagnostics: FaceDiagnostics
    warnings: tuple[QualityWarning, ...]


class PortraitEngine:
    """Photo and recording to video on the CPU; remembers the last portraits."""

    name = "portrait"
    Options: type[BaseModel] = Options

    def __init__(self) -> None:
        # Frames are drawn in parallel, so that OpenCV's own threads would only get in each other's way.
        cv2.setNumThreads(1)
        self._analyzer = FaceAnalyzer()
        self._subjects: OrderedDict[tuple[bytes, ...], _Subject] = OrderedDict()

    def warm_up(self) -> None:
        """Loads the face networks and the lip space."""
        self._analyzer.warm_up()
        lip_space()

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        """Writes the video below `job.workdir`.

        Raises what reading and analysing the inputs raise (`ImageUnreadable`, `FaceNotFound`, `AudioUnreadable`,
        `AudioSilent`), `GenerationError` when the video cannot be written, and what the monitor raises to end the job.
        """
        if not isinstance(job.options, Options):
            raise InvalidOptions(f"The portrait engine takes its own options, not {type(job.options).__name__}.")
        processor_start = time.process_time()
        timings: dict[str, float] = {}
        monitor.progress(0.0, "analysing")
        monitor.checkpoint()
        with _timed(timings, "analysing"):
            subject, speech = self._analyse(job, job.options)
            track = _track(job, job.options, speech)
        path = (job.workdir / FILE_NAME).with_suffix(job.options.video_format.suffix)
        thumbnail = self._write(path, subject.rig, track, job, job.options.video_format, monitor, timings)
        write_image(path.with_name(THUMBNAIL_NAME), thumbnail)
        height, width = subject.rig.canvas.base.shape[:2]
        monitor.progress(1.0, "encoding")
        return Rendition(
            path=path,
            seconds=track.seconds,
            frames=len(track),
            frame_rate=track.frame_rate,
            width=width,
            height=height,
            engine=self.name,
            seed=job.seed,
            compute_units=_units_since(processor_start),
            timings=timings,
            diagnostics=_diagnostics(subject, speech),
            warnings=_warnings(subject, speech, job.motion),
            thumbnail=path.with_name(THUMBNAIL_NAME),
            source_type=COMPOSITE,  # the pixels are the photograph's, moved as a trained network says
            format=job.options.video_format,
            transparent=subject.rig.opacity is not None,
        )

    def plan(self, job: RenderJob, monitor: RenderMonitor) -> MotionPlan | None:
        """The track of the whole video; the compositor carries nothing from frame to frame. Only MP4s can be put together of
        parts. Raises as `render` does.
        """
        if not isinstance(job.options, Options):
            raise InvalidOptions(f"The portrait engine takes its own options, not {type(job.options).__name__}.")
        if job.options.video_format != MP4:
            return None
        processor_start = time.process_time()
        monitor.progress(0.0, "analysing")
        monitor.checkpoint()
        subject, speech = self._analyse(job, job.options)
        track = _track(job, job.options, speech)
        with closing(frames(subject.rig, track.part(0, 1))) as drawn:
            first_frame = _over_white(next(drawn))
        return MotionPlan(
            track=track,
            pauses=() if speech is None else pauses(speech),
            first_frame=first_frame,
            compute_units=_units_since(processor_start),
            source_type=COMPOSITE,
            diagnostics=_diagnostics(subject, speech),
            warnings=_warnings(subject, speech, job.motion),
        )

    def _analyse(self, job: RenderJob, options: _Options) -> tuple[_Subject, SpeechFeatures | None]:
        """Portrait and recording, at the same time."""
        motion = job.motion
        if not isinstance(motion, Speech):
            return self._subject(job, options), None
        with ThreadPoolExecutor(1, thread_name_prefix="speech") as pool:
            speech = pool.submit(analyze_speech, motion.path, motion.facts, options.transcript)
            return self._subject(job, options), speech.result()

    def _subject(self, job: RenderJob, options: _Options) -> _Subject:
        """The rigged portrait, from memory if it was seen before."""
        setting = options.background.encode() if job.background is None else _digest(job.background.path)
        key = (_digest(job.portrait.path), options.resolution.encode(), options.crop.encode(), setting)
        known = self._subjects.get(key)
        if known is not None:
            self._subjects.move_to_end(key)
            return known
        face = self._analyzer.analyze(read_image(job.portrait.path))
        if options.crop == "face":
            face = cropped_to_face(face)
        backdrop, warnings = _backdrop(job, options), face.warnings
        if backdrop is not None and face.matte is None:
            backdrop, warnings = None, (*warnings, BACKGROUND_KEPT)
        height, width = face.image.shape[:2]
        rig = build_rig(face, frame_size((width, height), options.resolution), backdrop)
        subject = _Subject(rig, face.diagnostics, warnings)
        self._subjects[key] = subject
        if len(self._subjects) > REMEMBERED_PORTRAITS:
            self._subjects.popitem(last=False)
        return subject

    def _write(
        self,
        path: Path,
        rig: PortraitRig,
        track: AnimationTrack,
        job: RenderJob,
        video_format: VideoFormat,
        monitor: RenderMonitor,
        timings: dict[str, float],
    ) -> RGBImage:
        """Writes the video; returns a frame that may stand for it."""
        height, width = rig.canvas.base.shape[:2]
        audio = job.motion.path if isinstance(job.motion, Speech) else None
        shown, thumbnail = _good_frame(track), rig.canvas.base
        job.announce(path)
        with VideoWriter(
            path,
            width=width,
            height=height,
            frame_rate=track.frame_rate,
            audio=audio,
            seconds=track.seconds,
            mark=job.mark,
            video=video_format,
            alpha=rig.opacity is not None,
            moving=rig.canvas.window,
        ) as video:
            with _timed(timings, "rendering"), closing(frames(rig, track)) as drawn:
                for i, frame in enumerate(drawn):
                    monitor.checkpoint()
                    monitor.progress(ANALYSED + (RENDERED - ANALYSED) * i / len(track), "rendering")
                    video.write(frame)
                    if i == shown:
                        thumbnail = _over_white(frame)
            monitor.progress(RENDERED, "encoding")
            with _timed(timings, "encoding"):
                video.close()
        return thumbnail


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _backdrop(job: RenderJob, options: Options) -> Backdrop | None:
    """What is put behind the person; None where the portrait's background stays."""
    if job.background is not None:
        with about("the background"):
            return Backdrop(read_image(job.background.path))
    if options.background_url is not None:
        raise InvalidOptions("`background` is an address, which only the server fetches: give the picture's file")
    if options.background == "keep":
        return None
    return Backdrop(None) if options.background == TRANSPARENT else Backdrop.of_colour(options.background)


def _over_white(frame: RGBImage | RGBAImage) -> RGBImage:
    """A copy for files that know no transparency."""
    if frame.shape[2] == 3:
        return frame.copy()
    opacity = frame[..., 3:].astype(np.uint16)
    return ((frame[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)


def create() -> PortraitEngine:
    """Builds the engine: the entry point `portrait`."""
    return PortraitEngine()


def _diagnostics(subject: _Subject, speech: SpeechFeatures | None) -> dict[str, object]:
    found: dict[str, object] = {"face": asdict(subject.diagnostics)}
    if speech is not None:
        found["audio"] = asdict(speech.diagnostics)
    return found


def _warnings(subject: _Subject, speech: SpeechFeatures | None, motion: Speech | AnimationTrack) -> tuple[QualityWarning, ...]:
    """Of both inputs. Motion of our own making fits by itself."""
    beyond = None
    if isinstance(motion, AnimationTrack) and len(motion):
        beyond = subject.rig.head.beyond_limits(motion.head_rotation, motion.head_translation)
    heard = speech.warnings if speech is not None else ()
    return (*subject.warnings, *heard, *([beyond] if beyond is not None else []))


def _units_since(processor_start: float) -> int:
    """Compute units of the work since then, `time.process_time`."""
    return max(1, math.ceil(UNITS_PER_SECOND * (time.process_time() - processor_start)))


def _good_frame(track: AnimationTrack) -> int:
    """The first frame with open eyes."""
    blink = np.maximum(track.curve("eyeBlinkLeft"), track.curve("eyeBlinkRight"))
    return int(np.argmax(blink < OPEN_EYES))


def _track(job: RenderJob, options: Options, speech: SpeechFeatures | None) -> AnimationTrack:
    """The animation: the job's own, or one made for the recording."""
    if isinstance(job.motion, AnimationTrack):
        return job.motion
    assert speech is not None, "a recording was analysed"
    return animate(
        speech,
        frame_rate=Fraction(options.fps),
        rng=np.random.default_rng(job.seed),
        expressiveness=options.expressiveness,
        head_motion=options.head_motion,
        emotion=options.emotion,
    )


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    """Notes the wall seconds of a stage."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = round(time.perf_counter() - start, 4)
