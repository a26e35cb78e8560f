"""The watermark: what it costs, what it survives, and what it finds where there is none.

    python benchmarks/watermark.py PORTRAIT... [--speech WAV] [--foreign VIDEO...] [--pictures N]

Every portrait is rendered with the built-in engine, marked and unmarked; the marked video is copied as people copy videos. The
pictures are random cut-outs of the unmarked frames and the foreign videos, one reading each: they show how noise scores.
"""

import argparse
import math
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.errors import SparkAvatarError
from spark_avatar.media.samples import sample_portrait, sample_speech
from spark_avatar.media.video import read_frames
from spark_avatar.pipeline import Pipeline
from spark_avatar.provenance.lattice import brightness, lattice
from spark_avatar.provenance.provenance import Provenance, ProvenanceRules, watermark_id
from spark_avatar.provenance.watermark import EVERY, THRESHOLD, TRIES, WatermarkPattern, likeness, read_watermark

IDENTITY = "1b4e28ba-2fa1-4d2c-883f-0016d3cca427"


@dataclass(frozen=True)
class Copying:
    """One time of encoding anew."""

    crf: int
    scale: float = 1.0
    skipped: int = 0
    """Frames that are cut off the beginning."""


COPIES: dict[str, tuple[Copying, ...]] = {
    "as made": (),
    "CRF 23": (Copying(23),),
    "CRF 28": (Copying(28),),
    "CRF 32": (Copying(32),),
    "half size, CRF 18": (Copying(18, 0.5),),
    "half size, CRF 23": (Copying(23, 0.5),),
    "half size, CRF 28": (Copying(28, 0.5),),
    "3/4 size, CRF 28": (Copying(28, 0.75),),
    "double size, CRF 28": (Copying(28, 2.0),),
    "CRF 28, then again half size, CRF 28": (Copying(28), Copying(28, 0.5)),
    "without the first second, CRF 23": (Copying(23, skipped=25),),
    "without the first second, CRF 28": (Copying(28, skipped=25),),
    "without the first second, half size, CRF 23": (Copying(23, 0.5, skipped=25),),
    "without the first second, half size, CRF 28": (Copying(28, 0.5, skipped=25),),
}
OPTIONS = ({}, {"resolution": "480p"}, {"resolution": "480p", "crop": "face"}, {"resolution": "720p"})


def main() -> None:
    """Prints everything as Markdown."""
    asked = argparse.ArgumentParser()
    asked.add_argument("portraits", nargs="*", type=Path)
    asked.add_argument("--speech", type=Path, default=sample_speech())
    asked.add_argument("--foreign", nargs="*", type=Path, default=[])
    asked.add_argument("--pictures", type=int, default=2000)
    given = asked.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        portraits = given.portraits or [sample_portrait(scratch / "portrait.png")]
        plain = _survival(portraits, given.speech, scratch)
        _false_alarms([*plain, *given.foreign], given.pictures)
    _cost()


def _survival(portraits: list[Path], speech: Path, scratch: Path) -> list[Path]:
    """How often each copy is still read; returns the unmarked videos."""
    engines = EngineRegistry()
    marking, plain = (
        Pipeline(engines, provenance=Provenance(ProvenanceRules(manifest=False, tags=False, watermark=on)))
        for on in (True, False)
    )
    scores: dict[str, list[float]] = defaultdict(list)
    faults, quality, unmarked = defaultdict(list), [], []
    for portrait in portraits:
        for number, options in enumerate(OPTIONS):
            name = f"{portrait.stem} {' '.join(options.values()) or 'source'}"
            made, bare = scratch / "made.mp4", scratch / f"{portrait.stem}-{number}.mp4"
            try:
                for pipeline, path in ((marking, made), (plain, bare)):
                    pipeline.render(portrait, speech, path, engine="portrait", options=options, seed=1, identity=IDENTITY)
            except SparkAvatarError as error:
                print(f"<!-- {name}: {error.message} -->", file=sys.stderr)
                break
            unmarked.append(bare)
            quality.append(_psnr(next(read_frames(bare))))
            for copy, steps in COPIES.items():
                video = _copied(made, scratch, steps)
                found = read_watermark(read_frames(video))
                right = found is not None and found.identity == watermark_id(IDENTITY)
                assert right or found is None, "a wrong id was read"
                scores[copy].append(found.score if found else math.nan)
                if not right:
                    faults[copy].append(name)
            print(f"<!-- {name}: {[round(values[-1], 1) for values in scores.values()]} -->", file=sys.stderr, flush=True)
    print(f"{len(quality)} videos of {len(portraits)} portraits; {min(quality):.1f} to {max(quality):.1f} dB PSNR.\n")
    print("| copy | id read | score, median | lowest | not read |\n| --- | --- | --- | --- | --- |")
    for copy, values in scores.items():
        read = [value for value in values if not math.isnan(value)]
        share = f"{len(read)} of {len(values)}"
        print(f"| {copy} | {share} | {np.median(read or [0]):.1f} | {min(read, default=0):.1f} | {', '.join(faults[copy])} |")
    return unmarked


def _false_alarms(videos: list[Path], pictures: int) -> None:
    """How videos and pictures without a mark score."""
    alarms, highest = 0, []
    for video in videos:
        alarms += read_watermark(read_frames(video)) is not None
        seen = [lattice().numbers(brightness(frame)) for frame in list(read_frames(video))[: EVERY * TRIES[-1] : EVERY]]
        highest.append(max(likeness(np.stack(seen[:count]))[2] for count in TRIES if count <= len(seen)))
    random, scores, fits = np.random.default_rng(0), [], 0
    frames = [frame for video in videos for frame in list(read_frames(video))[::60]]
    for _ in range(pictures):
        frame = frames[random.integers(len(frames))]
        height, width = frame.shape[:2]
        side = random.integers(min(height, width) // 2, min(height, width) + 1)
        top, left = random.integers(height - side + 1), random.integers(width - side + 1)
        cut = np.ascontiguousarray(frame[top : top + side, left : left + side][:, :: random.choice((1, -1))])
        _, fit, score = likeness(lattice().numbers(brightness(cut))[None])
        scores.append(score)
        fits += fit
    mean, spread = float(np.mean(scores)), float(np.std(scores))
    # The best of very many codewords: an extreme value (Gumbel) distribution, fitted by its moments.
    width = spread * math.sqrt(6) / math.pi
    chance = -math.expm1(-math.exp(-(THRESHOLD - mean + 0.5772 * width) / width))
    print(f"\n{alarms} of {len(videos)} unmarked videos were taken for marked; their highest score was {max(highest):.1f}.")
    print(
        f"{pictures} unmarked pictures scored {mean:.2f} on average, standard deviation {spread:.2f}, {max(scores):.1f} at most;"
    )
    print(
        f"the checksum fitted {fits} times. An extreme-value fit puts {THRESHOLD:g} or more at {chance:.1e} for a reading; with"
    )
    print(
        f"the checksum, 2^-32, one reading is false in {chance / 2**32:.1e}, {len(TRIES)} in {len(TRIES) * chance / 2**32:.1e}."
    )


def _cost() -> None:
    print("\n| size | first frame, ms | each frame, ms |\n| --- | --- | --- |")
    for side in (512, 1080, 2160):
        frame = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        pattern, start = WatermarkPattern(uuid.uuid4().int >> 64), time.perf_counter()
        pattern.draw(frame)
        first, start, count = time.perf_counter() - start, time.perf_counter(), 100
        for _ in range(count):
            pattern.draw(frame)
        print(f"| {side} x {side} | {1e3 * first:.1f} | {1e3 * (time.perf_counter() - start) / count:.2f} |")


def _psnr(frame: np.ndarray) -> float:
    marked = frame.copy()
    WatermarkPattern(watermark_id(IDENTITY)).draw(marked)
    return float(10 * np.log10(255**2 / np.mean((marked.astype(float) - frame) ** 2)))


def _copied(video: Path, scratch: Path, steps: tuple[Copying, ...]) -> Path:
    """Encoded by libx264 at its usual preset, scaled by area."""
    for number, step in enumerate(steps):
        target = scratch / f"copy-{number}.mp4"
        with av.open(str(video)) as old, av.open(str(target), "w") as new:
            stream = old.streams.video[0]
            encoder = new.add_stream("libx264", rate=stream.average_rate or Fraction(25), options={"crf": str(step.crf)})
            encoder.width, encoder.height = (round(side * step.scale / 2) * 2 for side in (stream.width, stream.height))
            encoder.pix_fmt = "yuv420p"
            for frame in islice(old.decode(stream), step.skipped, None):
                scaled = frame.reformat(encoder.width, encoder.height, interpolation="AREA")
                scaled.pts = None
                new.mux(encoder.encode(scaled))
            new.mux(encoder.encode(None))
        video = target
    return video


if __name__ == "__main__":
    main()
