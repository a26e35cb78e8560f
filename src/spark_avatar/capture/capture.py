"""A filmed face in, the animation track of what it does out."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.capture.eye_shapes import blink, brow_blendshapes, gaze_blendshapes
from spark_avatar.capture.following import follow_face
from spark_avatar.capture.grid import Measured, on_grid, thinned, track_rate
from spark_avatar.capture.mouth_shapes import MouthMotion, mouth_blendshapes
from spark_avatar.engines.engine import RenderMonitor, SilentMonitor
from spark_avatar.engines.portrait.head import CAMERA_DISTANCE
from spark_avatar.media.arrays import Curve
from spark_avatar.media.film import FilmFrame, probe_film, read_film

OPENING_SECONDS: Final = 0.08
MOUTH_SECONDS: Final = 0.2
HEAD_SECONDS: Final = 0.36
"""Windows of the smoothing. Chin and gap are left as they are up to 30 fps: on a filmed clip a parabola through
five frames took 0.017 E (root mean square) of the gap, where encoding the clip anew changed the reading by 0.004.
The rest bears it."""
CHIN_READ: Final = 0.7
"""Of a chin's drop that the mesh reads: by optical flow the chins of four films go down by 0.39 to 0.58 of the gap, by the mesh
by 0.18 to 0.34, and those of films that were driven by what it read by 0.15 to 0.33."""
CLOSED_QUANTILE: Final = 0.12
"""Share of the frames whose lips are taken for closed and at rest."""
MOST_CLOSED_GAP: Final = 0.03
"""E that closed lips may measure; a mouth that is never closed is not taken for one."""

_SILENT: Final = SilentMonitor()


def capture_track(video: Path, monitor: RenderMonitor = _SILENT) -> AnimationTrack:
    """The motion of the largest face in a video: mouth, blinks, brows, gaze and head, at a constant frame rate.

    That is the rate that most of the video's frames keep to, or at most `FASTEST`: every second or third frame is left out where
    there are more. Frames count at the times at which they are shown, however uneven. All of it is relative to the person: lips
    to their own closed lips, head, brows and gaze to the median of the clip. Frames without a face are filled in from those
    around them. Memory doesn't grow with the size of the pictures, and by a hundred bytes a frame with the length.

    Raises `InputError` if there is no video, `FaceNotFound` if a face is seen in under a third of it, and what the monitor
    raises.
    """
    facts = probe_film(video)
    rate = track_rate(facts.frame_rate)

    def watched() -> Iterator[FilmFrame]:
        for number, frame in enumerate(read_film(video, facts), start=1):
            yield frame
            monitor.checkpoint()
            monitor.progress(min(number / facts.frames, 1.0), "tracking")

    sightings = list(follow_face(thinned(watched(), facts.frame_rate, rate)))
    return track_of(on_grid(sightings, rate), rate)


def track_of(measured: Measured, frame_rate: Fraction) -> AnimationTrack:
    """The track of measurements, each (frames,), without gaps."""
    blendshapes = np.zeros((len(measured["gap"]), len(BLENDSHAPES)), np.float32)
    eyes = {f"eyeBlink{side}": blink(measured[f"eye_{side.lower()}"]) for side in ("Right", "Left")}
    blinking = np.maximum(eyes["eyeBlinkRight"], eyes["eyeBlinkLeft"])
    calm = {name: _smooth(curve, HEAD_SECONDS, frame_rate) for name, curve in measured.items()}
    shapes = {
        **eyes,
        **mouth_blendshapes(_mouth_motion(measured, frame_rate)),
        **brow_blendshapes(calm["brow_right"], calm["brow_left"], calm["brow_inner"]),
        **gaze_blendshapes(measured["iris_x"], measured["iris_y"], blinking),
    }
    for name, curve in shapes.items():
        blendshapes[:, BLENDSHAPES.index(name)] = curve
    rotation = np.stack([calm[name] - np.median(calm[name]) for name in ("yaw", "pitch", "roll")], axis=1)
    unit = float(np.median(calm["scale"]))
    place = np.stack([(calm[name] - np.median(calm[name])) / unit for name in ("x", "y")], axis=1)
    nearer = CAMERA_DISTANCE * (unit / calm["scale"] - 1)
    return AnimationTrack(
        frame_rate=frame_rate,
        blendshapes=blendshapes,
        head_rotation=rotation.astype(np.float32),
        head_translation=np.column_stack([place, nearer]).astype(np.float32),
        breath=np.zeros(len(blendshapes), np.float32),
    )


def _mouth_motion(measured: Measured, frame_rate: Fraction) -> MouthMotion:
    """Lips and jaw against this person's closed mouth."""
    closed = _closed(measured)

    def moved(name: str, seconds: float = MOUTH_SECONDS) -> Curve:
        curve = measured[name] - measured[name][closed].mean()
        return _smooth(curve, seconds, frame_rate)

    gap = _smooth(measured["gap"], OPENING_SECONDS, frame_rate)
    at_rest = min(float(measured["gap"][closed].mean()), MOST_CLOSED_GAP)
    return MouthMotion(
        jaw=moved("chin", OPENING_SECONDS) / CHIN_READ,
        open=np.maximum(gap - at_rest, 0),
        width=moved("width"),
        upper_raise=-moved("upper"),
        corner_right=-moved("corner_right"),
        corner_left=-moved("corner_left"),
        upper_thickness=moved("upper_height"),
        lower_thickness=moved("lower_height"),
        shift=moved("lips_x"),
        jaw_shift=moved("chin_x"),
    )


def _closed(measured: Measured) -> NDArray[np.bool_]:
    """(frames,): the lips are closed and neither spread nor pursed."""
    gap, width = measured["gap"], measured["width"]
    closed = gap <= np.quantile(gap, CLOSED_QUANTILE)
    unusual = np.abs(width - np.median(width[closed]))
    return np.asarray(closed & (unusual <= np.median(unusual[closed])), dtype=np.bool_)


def _smooth(curve: Curve, seconds: float, frame_rate: Fraction) -> Curve:
    """Without lag, by local parabolas (Savitzky and Golay 1964)."""
    window = 2 * round(seconds * float(frame_rate) / 2) + 1
    window = min(window, (len(curve) - 1) // 2 * 2 + 1)
    if window <= 3:
        return curve
    smooth: Curve = savgol_filter(curve, window, 2).astype(np.float32)
    return smooth
