"""The whole job, files to MP4 in a fresh process, against libx264 alone on the same frames; stages; memory by length."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from figures import Figure, child_peak_megabytes
from spark_avatar.engines.engine import SilentMonitor
from spark_avatar.media.audio import read_samples
from spark_avatar.media.encoder import THREADS
from spark_avatar.media.samples import sample_portrait, sample_speech
from spark_avatar.media.video import read_frames
from spark_avatar.media.video_format import MP4
from spark_avatar.pipeline import render

RATE = 16_000


def write_speech(path: Path, seconds: float) -> Path:
    """The sample recording, repeated and cut to length."""
    once = read_samples(sample_speech(), rate=RATE)
    samples = np.resize(once, int(seconds * RATE))
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def whole_job(image: Path, audio: Path, output: Path, *options: str) -> tuple[float, float, dict[str, object]]:
    """Wall seconds, peak megabytes and the Rendition of `spark-avatar render` in a fresh process.

    Its bytecode is kept from run to run, as it is outside of workshops that set PYTHONDONTWRITEBYTECODE.
    """
    command = [sys.executable, "-m", "spark_avatar", "render", str(image), str(audio), "-o", str(output), "--seed", "1", "--json"]
    began = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, env=environment) as process:
        peak = child_peak_megabytes(process)
        printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"render failed with {process.returncode}")
    return time.perf_counter() - began, peak, json.loads(printed)


def x264_alone(frames: list[np.ndarray], rate: Fraction, output: Path) -> float:
    """Wall seconds that libx264 needs for the frames, converted beforehand, at the product's settings."""
    pictures = [av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p") for frame in frames]
    began = time.perf_counter()
    with av.open(str(output), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=dict(MP4.codec_options))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = THREADS
        for picture in pictures:
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return time.perf_counter() - began


class _FirstFrame(SilentMonitor):
    """Notes when the first frame was there."""

    def __init__(self) -> None:
        self.at: float | None = None

    def progress(self, fraction: float, stage: str) -> None:
        """Called by the engine."""
        if stage == "rendering" and fraction > 0 and self.at is None:
            self.at = time.perf_counter()


def seen_again(image: Path, audio: Path, output: Path) -> float:
    """Wall seconds from the call to the first frame, for a portrait that this process has rendered before."""
    began, monitor = time.perf_counter(), _FirstFrame()
    render(image, audio, output, seed=1, monitor=monitor)
    assert monitor.at is not None
    return monitor.at - began


def measure(*, runs: int = 3) -> list[Figure]:
    """All figures of this file, medians over `runs`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = sample_portrait(folder / "portrait.png")
        speech = {seconds: write_speech(folder / f"{seconds}.wav", seconds) for seconds in (6, 8, 10, 20, 60)}
        output = folder / "out.mp4"
        jobs = [whole_job(image, speech[10], output) for _ in range(runs)]
        frames = list(read_frames(output))
        alone = statistics.median(x264_alone(frames, Fraction(25), folder / "alone.mp4") for _ in range(runs))
        wall = statistics.median(job[0] for job in jobs)
        longer = statistics.median(whole_job(image, speech[20], output)[0] for _ in range(runs))
        per_frame = (longer - wall) / 250
        setup = wall - 250 * per_frame
        seen_again(image, speech[10], output)
        again = statistics.median(seen_again(image, speech[10], output) for _ in range(runs))
        larger = [whole_job(image, speech[8], output, "--resolution", "1080p") for _ in range(runs)]
        largest = whole_job(image, speech[6], output, "--resolution", "2160p")
        peaks = {seconds: whole_job(image, speech[seconds], output)[1] for seconds in (6, 60)}
        figures = [
            Figure("10 s of speech, 512 x 512, files to MP4 in a fresh process", wall, "s", "< 5"),
            Figure("libx264 alone, the same 250 frames", alone, "s"),
            Figure("set-up (intercept of 10 s and 20 s)", setup, "s", "< 1.5"),
            Figure("set-up for a portrait seen before, in a process that goes on", again, "s", "< 0.2"),
            Figure("a frame beyond the set-up", 1000 * per_frame, "ms"),
            Figure("beyond the set-up, over libx264 alone", 250 * per_frame / alone, "x", "< 2.5"),
            Figure("peak memory, 6 s of speech", peaks[6], "MB", "< 700"),
            Figure("peak memory, 60 s of speech", peaks[60], "MB", "< 700"),
            Figure("peak memory, 60 s over 6 s", peaks[60] / peaks[6], "x", "about 1"),
        ]
        figures += [
            Figure("8 s of speech at 1080 x 1080, whole job", statistics.median(job[0] for job in larger), "s", "< 8"),
            Figure("peak memory of it", larger[-1][1], "MB"),
            Figure("6 s of speech at 2160 x 2160, whole job", largest[0], "s"),
            Figure("peak memory of it", largest[1], "MB"),
        ]
        timings = jobs[-1][2]["timings"]
        assert isinstance(timings, dict)
        return figures + [Figure(f"stage: {stage}", float(seconds), "s") for stage, seconds in timings.items()]
