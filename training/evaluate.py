"""Measures weights: python -m training.evaluate WEIGHTS.onnx ... [--clips CLIP.mp4 ...] [--heldout FOLDER] [--cache FOLDER].

On filmed clips: r of the visible gap and of the width at the best lag, and closures, of the weights and of the mouth that the
program animates from them; `read` is the gap as `reading` makes it more like a filmed one, with two numbers that are chosen, for
each clip, on the others. Nothing else is fitted. On the test part of the held-out synthesised voices: r of the gap, closures hit,
timing. Several weights stand side by side; a readout may be named after them as FILE:terms (the experiment's: rounding, lip at
the teeth and tongue subtracted), and FILE+FILE is the mean of several. `--baselines` adds the classical methods:
loudness always, log-mel ridge regression (each clip from the others), PocketSphinx where it is installed, Rhubarb with
`--rhubarb PROGRAM`.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy import ndimage

from spark_avatar.animation.blendshapes import BLENDSHAPES, mouth_opening
from spark_avatar.animation.mouth import animate_mouth
from spark_avatar.media.arrays import Curve, FloatArray
from spark_avatar.media.audio import AudioFacts
from spark_avatar.speech.analyzer import analyze_samples
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE
from spark_avatar.speech.mel import SAMPLE_RATE
from training import baselines, scores
from training.corpus import load_corpus, reported_part
from training.filmed import GRID_RATE, FilmedSpeech, watch
from training.heldout import score_held_out
from training.predictor import Predictor, closing_peaks, open_predictor
from training.reading import AS_TOLD, READINGS, Reading, chosen_on_others

_SMOOTHING_SECONDS: Final = 0.026
_WIDTH_SMOOTHING_SECONDS: Final = 0.04
# Of the frames of filmed speech, 18 % show shut lips (median of eight clips).
_SHUT_SHARE: Final = 0.18
_NEARLY_SHUT_SHARE: Final = 0.25


@dataclass(frozen=True)
class ClipScores:
    """One method on one clip."""

    agreement: scores.Agreement
    chance: float
    amplitude: float
    """Standard deviation of the predicted gap over the filmed one's; of weights in units of `open`, of which a filmed mouth has
    about 0.3 E."""
    width: float
    closures: scores.ClosureScore


def score_clip(predictor: Predictor, clip: FilmedSpeech, reading: Reading = AS_TOLD) -> ClipScores:
    """Compares a prediction from the clip's sound with the filmed mouth."""
    channels = predictor.channels(clip.samples)
    times = np.arange(len(clip.gap)) / GRID_RATE
    gap = _on_grid(reading(predictor.gap(channels)), times, _SMOOTHING_SECONDS)
    agreement = scores.best_agreement(gap, clip.gap)
    spread = channels[:, ARTICULATION.index("wide")] - channels[:, ARTICULATION.index("round")]
    width = _on_grid(spread, times, _WIDTH_SMOOTHING_SECONDS)
    near = (agreement.lag - 1, agreement.lag, agreement.lag + 1)
    shut = [round(peak / FEATURE_RATE * GRID_RATE) for peak in closing_peaks(channels)]
    return ClipScores(
        agreement,
        scores.chance_r(gap, clip.gap),
        float(np.std(gap) / np.std(clip.gap)),
        max(scores.pearson(*scores.overlap(width, clip.width, lag)) for lag in near),
        _closures([(frame, frame) for frame in shut], clip, agreement.lag),
    )


def score_animated(predictor: Predictor, clip: FilmedSpeech) -> ClipScores:
    """Compares the mouth that the program would animate. When somebody speaks is told by the installed weights."""
    heard = analyze_samples(clip.samples, AudioFacts("pcm_s16le", len(clip.samples) / SAMPLE_RATE, SAMPLE_RATE, 1, 0))
    features = replace(heard, articulation=predictor.channels(clip.samples))
    mouth = animate_mouth(features, np.arange(len(clip.gap)) / GRID_RATE, np.random.default_rng(0), amplitude=1.0)
    shapes = np.zeros((len(clip.gap), len(BLENDSHAPES)), np.float32)
    for name, curve in mouth.items():
        shapes[:, BLENDSHAPES.index(name)] = curve
    gap = mouth_opening(np.clip(shapes, 0, 1))
    agreement = scores.best_agreement(gap, clip.gap)
    return ClipScores(
        agreement,
        scores.chance_r(gap, clip.gap),
        float(np.std(gap) / np.std(clip.gap)),
        np.nan,
        _closures(scores.closures(gap), clip, agreement.lag),
    )


def score_curve(curve: Curve, clip: FilmedSpeech) -> ClipScores:
    """A method that knows nothing but how far the mouth is open, in any unit: its lips are shut as often as filmed ones are."""
    agreement = scores.best_agreement(curve, clip.gap)
    events = scores.closures(curve, *(float(level) for level in np.quantile(curve, (_SHUT_SHARE, _NEARLY_SHUT_SHARE))))
    return ClipScores(agreement, scores.chance_r(curve, clip.gap), np.nan, np.nan, _closures(events, clip, agreement.lag))


def _closures(events: scores.Events, clip: FilmedSpeech, lag: int) -> scores.ClosureScore:
    """Against the filmed ones, once the predicted ones are moved `lag` frames earlier."""
    length = len(clip.gap)
    moved = [(first - lag, last - lag) for first, last in events if first - lag >= 0 and last - lag < length]
    return scores.closure_score(moved, scores.closures(clip.gap), length)


def classical(clip: FilmedSpeech, clips: list[FilmedSpeech], rhubarb: Path | None) -> dict[str, ClipScores]:
    """The classical methods that can be had here."""
    frames = len(clip.gap)
    others = [other for other in clips if other is not clip]
    curves = {
        "loudness": baselines.loudness_mouth(clip.samples, frames),
        "log-mel ridge, clip left out": baselines.ridge_mouth(clip, others) if others else None,
        "PocketSphinx phone loop": baselines.sphinx_mouth(clip.samples, frames),
        "Rhubarb": baselines.rhubarb_mouth(clip.samples, frames, rhubarb) if rhubarb else None,
    }
    return {name: score_curve(curve, clip) for name, curve in curves.items() if curve is not None}


def _on_grid(curve: Curve, times: FloatArray, smoothing: float) -> Curve:
    smooth = ndimage.gaussian_filter1d(curve.astype(np.float64), smoothing * FEATURE_RATE)
    return np.interp(times, np.arange(len(curve)) / FEATURE_RATE, smooth).astype(np.float32)


def _print_clips(predictors: list[Predictor], clips: list[FilmedSpeech], *, beside: bool, rhubarb: Path | None) -> None:
    print(
        f"{'clip':14}{'method':52}{'r':>6}{'chance':>8}{'lag':>5}{'ampl.':>7}{'width':>7}  closures F1 (chance) recall precision"
    )
    everything: dict[str, list[ClipScores]] = {}
    readings = {predictor.name: _readings(predictor, clips) for predictor in predictors} if len(clips) > 1 else {}
    for number, clip in enumerate(clips):
        rows = classical(clip, clips, rhubarb) if beside else {}
        for predictor in predictors:
            rows[predictor.name] = score_clip(predictor, clip)
            if readings:
                rows[f"{predictor.name}, read"] = score_clip(predictor, clip, readings[predictor.name][number])
            rows[f"{predictor.name}, animated"] = score_animated(predictor, clip)
        for name, row in rows.items():
            everything.setdefault(name, []).append(row)
            print(f"{clip.name:14}{name[-50:]:52}" + _row(row))
    for name, found in everything.items():
        lift = np.mean([row.closures.f1 - row.closures.chance for row in found])
        r, chance, width = (np.mean(values) for values in zip(*((x.agreement.r, x.chance, x.width) for x in found), strict=True))
        print(f"{'mean':14}{name[-50:]:52}{r:6.3f}{chance:8.2f}{'':12}{width:7.3f}  F1 over chance {lift:+.3f}")


def _readings(predictor: Predictor, clips: list[FilmedSpeech]) -> list[Reading]:
    """For each clip the reading that is best on the others."""
    found: list[list[float]] = []
    for clip in clips:
        gap, times = predictor.gap(predictor.channels(clip.samples)), np.arange(len(clip.gap)) / GRID_RATE
        curves = (_on_grid(reading(gap), times, _SMOOTHING_SECONDS) for reading in READINGS)
        found.append([scores.best_agreement(curve, clip.gap).r for curve in curves])
    return [READINGS[chosen_on_others(found, number)] for number in range(len(clips))]


def _row(row: ClipScores) -> str:
    found = row.closures
    return (
        f"{row.agreement.r:6.2f}{row.chance:8.2f}{row.agreement.lag:+5d}{row.amplitude:7.2f}{row.width:7.2f}"
        f"  {found.f1:.2f} ({found.chance:.2f}) {found.recall:.2f} {found.precision:.2f}"
    )


def _print_held_out(predictors: list[Predictor], folder: Path) -> None:
    print(f"{'corpus':36}{'weights':44}{'gap r':>7}{'hit':>6}{'right':>7}{'timing':>9}")
    for path in sorted(folder.glob("heldout_*.json")):
        recordings = reported_part(load_corpus(path.with_suffix("")))
        for predictor in predictors:
            row = score_held_out(predictor, recordings)
            print(f"{path.stem:36}{predictor.name[-42:]:44}{row.gap_r:7.3f}{row.hit:6.2f}{row.right:7.2f}{row.timing_ms:6.0f} ms")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--clips", type=Path, nargs="*", default=[])
    parser.add_argument("--heldout", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--rhubarb", type=Path)
    given = parser.parse_args()
    predictors = [open_predictor(name) for name in given.weights]
    if given.clips:
        clips = [watch(path, given.cache) for path in given.clips]
        _print_clips(predictors, clips, beside=given.baselines, rhubarb=given.rhubarb)
    if given.heldout:
        _print_held_out(predictors, given.heldout)


if __name__ == "__main__":
    main()
