"""Jobs for engines elsewhere, and the videos that those make."""

import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from acceptance.conftest import write_wav
from spark_avatar.engines.engine import Portrait, RenderJob, Speech
from spark_avatar.errors import Canceled
from spark_avatar.media.audio import probe_audio
from spark_avatar.media.image import probe_image, write_image
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.video import VideoWriter

SECONDS = 1.0


def remote_job(folder: Path, options: object, *, seconds: float = SECONDS, seed: int = 5) -> RenderJob:
    """A portrait with odd sides and a recording without a suffix, as a worker has them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / "picture.png", np.full((95, 81, 3), 120, np.uint8))
    (folder / "picture.png").rename(folder / "image")
    write_wav(folder / "sound.wav", tone(seconds), 16_000).rename(folder / "audio")
    limits = MediaLimits()
    work = folder / "work"
    work.mkdir()
    return RenderJob(
        portrait=Portrait(folder / "image", probe_image(folder / "image", limits)),
        motion=Speech(folder / "audio", probe_audio(folder / "audio", limits)),
        options=options,
        seed=seed,
        workdir=work,
    )


def tone(seconds: float) -> np.ndarray:
    return 0.3 * np.sin(np.arange(round(seconds * 16_000)) / 9)


def video_bytes(seconds: float = SECONDS, *, sound: float | None = SECONDS, fps: int = 25) -> bytes:
    """A moving picture of 64 x 64, with a tone of `sound` seconds in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        audio = None if sound is None else write_wav(folder / "sound.wav", tone(sound), 16_000)
        path = folder / "video.mp4"
        with VideoWriter(path, width=64, height=64, frame_rate=Fraction(fps), audio=audio, seconds=seconds) as video:
            for number in range(video.frames):
                video.write(np.full((64, 64, 3), (number * 7) % 256, np.uint8))
        return path.read_bytes()


class Pages:
    """A notebook in memory; `follows` says whether another attempt comes after one that is cancelled."""

    def __init__(self, *, follows: bool = True) -> None:
        self.pages: dict[str, dict[str, str]] = {}
        self.history: list[dict[str, str]] = []
        self._follows = follows

    def read(self, engine: str) -> Mapping[str, str]:
        return self.pages.get(engine, {})

    def write(self, engine: str, note: Mapping[str, str]) -> None:
        self.pages[engine] = dict(note)
        self.history.append(dict(note))

    def continues(self, reason: BaseException) -> bool:
        return self._follows and isinstance(reason, Canceled)


class Watcher:
    """A monitor that notes the progress and stops a job when told."""

    def __init__(self, stop: Exception | None = None, when: str = "") -> None:
        self.stages: list[tuple[float, str]] = []
        self._stop, self._when = stop, when

    def progress(self, fraction: float, stage: str) -> None:
        self.stages.append((fraction, stage))

    def checkpoint(self) -> None:
        if self._stop is not None and self.stages and self.stages[-1][1] == self._when:
            raise self._stop
