"""Made videos, and what people do to videos: encode them anew, and smaller."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from spark_avatar.media.video import VideoWriter
from spark_avatar.media.video_format import MP4, format_of

RATE = Fraction(25)


def scene(seed: int, *, size: tuple[int, int] = (512, 512), frames: int = 30) -> list[np.ndarray]:
    """A bright oval that sways before a soft background with grain: a person, roughly."""
    width, height = size
    random = np.random.default_rng(seed)
    soft = cv2.resize(random.uniform(60, 200, (6, 6, 3)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(random.normal(0, 25, (height, width, 3)).astype(np.float32), (0, 0), 1.5)
    skin = cv2.GaussianBlur(random.normal(0, 60, (height, width, 3)).astype(np.float32), (0, 0), 3) + np.float32([180, 140, 120])
    drawn = []
    for number in range(frames):
        sway = round(0.012 * width * np.sin(number / 5))
        oval = np.zeros((height, width), np.float32)
        cv2.ellipse(oval, (width // 2 + sway, int(height * 0.55)), (width // 5, height // 3), 0, 0, 360, 1.0, -1)
        oval = cv2.GaussianBlur(oval, (0, 0), 2)[:, :, None]
        moved = np.roll(skin, sway, axis=1)
        drawn.append(np.clip((soft + fine) * (1 - oval) + moved * oval, 0, 255).astype(np.uint8))
    return drawn


def see_through(frames: list[np.ndarray]) -> list[np.ndarray]:
    """The frames, transparent but for their middle."""
    opacity = np.zeros(frames[0].shape[:2], np.uint8)
    cv2.ellipse(
        opacity,
        (opacity.shape[1] // 2, opacity.shape[0] // 2),
        (opacity.shape[1] // 3, opacity.shape[0] // 3),
        0,
        0,
        360,
        255,
        -1,
    )
    return [np.dstack([frame, opacity]) for frame in frames]


def write(path: Path, frames: list[np.ndarray], mark: object = None) -> Path:
    """As the engine writes its videos; the suffix says what kind."""
    height, width, channels = frames[0].shape
    with VideoWriter(
        path,
        width=width,
        height=height,
        frame_rate=RATE,
        audio=None,
        seconds=len(frames) / 25,
        mark=mark,
        video=format_of(path) or MP4,
        alpha=channels == 4,
    ) as video:
        for frame in frames:
            video.write(frame)
    return path


def encode_anew(source: Path, target: Path, *, crf: int, scale: float = 1.0) -> Path:
    """By libx264 at its usual preset."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = old.streams.video[0]
        width, height = (round(side * scale / 2) * 2 for side in (stream.width, stream.height))
        encoder = new.add_stream("libx264", rate=RATE, options={"crf": str(crf), "preset": "medium"})
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        for frame in old.decode(stream):
            new.mux(encoder.encode(frame.reformat(width=width, height=height, interpolation="AREA")))
        new.mux(encoder.encode(None))
    return target
