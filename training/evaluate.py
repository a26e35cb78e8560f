"""Measures weights: python -m training.evaluate WEIGHTS.onnx ... [--clips CLIP.mp4 ...] [--heldout FOLDER] [--cache FOLDER].

On filmed clips: r of the visible gap and of the width at the best lag, and closures, beside the loudness of the voice. On
held-out synthesised voices: r of the gap, closures hit, timing. Several weights stand side by side. Nothing is fitted; a
readout may be named after the weights as FILE:terms (the experiment's: rounding, lip at the teeth and tongue subtracted), and
FILE+FILE is the mean of several. `--baselines` adds the classical methods: loudness always, log-mel ridge regression (each clip
from the others), PocketSphinx where it is installed, Rhubarb with `--rhubarb PROGRAM`.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from scipy import ndimage, signal

from spark_avatar.media.arrays import Curve, FloatArray, Samples
from spark_avatar.speech.activity import audible_neighbourhood
from spark_avatar.speech.articulation import REFERENCE_DB, normalise
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE
from spark_avatar.speech.levels import measure_levels, short_time_level
from spark_avatar.speech.mel import MEL_RATE, SAMPLE_RATE, log_mel
from training import baselines, scores
from training.corpus import Recording, load_corpus
from training.filmed import GRID_RATE, FilmedSpeech, watch
from training.phones import BILABIAL_STOPS
from training.targets import closing_moments, gap_of, targets

_STEP: Final = SAMPLE_RATE // FEATURE_RATE
_SMOOTHING_SECONDS: Final = 0.026
_WIDTH_SMOOTHING_SECONDS: Final = 0.04
_CLOSED: Final = 0.3
"""Peaks of the channel `close` over this count as closures, as in the animation."""
_NEAR_SECONDS: Final = 0.06
_TERMS: Final = {"round": 0.5, "labiodental": 0.3, "tongue": 0.25}


@dataclass(frozen=True, eq=False)
class Predictor:
    """One file of weights with a readout."""

    name: str
    sessions: tuple[onnxruntime.InferenceSession, ...]
    terms: bool

    def channels(self, samples: Samples) -> FloatArray:
        """(n, 7) at 50 Hz, heard as the analysis of a recording hears it."""
        frames = -(-len(samples) // _STEP)
        loudness = short_time_level(samples, frames)
        levels = measure_levels(loudness)
        padded = np.pad(samples, (0, frames * _STEP - len(samples))) * np.float32(10 ** ((REFERENCE_DB - levels.loud) / 20))
        heard = np.repeat(audible_neighbourhood(loudness, levels), MEL_RATE // FEATURE_RATE)
        logmel = normalise(log_mel(padded), heard)[None].astype(np.float32)
        result: FloatArray = np.mean([session.run(None, {"logmel": logmel})[0][0] for session in self.sessions], axis=0)
        return result

    def gap(self, channels: FloatArray) -> Curve:
        """(n,) visible gap."""
        gap = gap_of(channels)
        if self.terms:
            gap = gap - sum(weight * channels[:, ARTICULATION.index(name)] for name, weight in _TERMS.items())
        return gap


def open_predictor(name: str) -> Predictor:
    """`FILE`, `FILE+FILE` or `FILE:terms`."""
    paths, _, readout = name.partition(":")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = (onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]) for path in paths.split("+"))
    return Predictor(name, tuple(sessions), readout == "terms")


@dataclass(frozen=True)
class ClipScores:
    """One method on one clip."""

    agreement: scores.Agreement
    chance: float
    amplitude: float
    """Standard deviation of the predicted gap over the filmed one's, at `mouth`'s scale of 1 unit per unit of `open`."""
    width: float
    closures: scores.ClosureScore | None


def score_clip(predictor: Predictor, clip: FilmedSpeech) -> ClipScores:
    """Compares a prediction from the clip's sound with the filmed mouth."""
    channels = predictor.channels(clip.samples)
    times = np.arange(len(clip.gap)) / GRID_RATE
    gap = _on_grid(predictor.gap(channels), times, _SMOOTHING_SECONDS)
    agreement = scores.best_agreement(gap, clip.gap)
    spread = channels[:, ARTICULATION.index("wide")] - channels[:, ARTICULATION.index("round")]
    width = _on_grid(spread, times, _WIDTH_SMOOTHING_SECONDS)
    near = (agreement.lag - 1, agreement.lag, agreement.lag + 1)
    moments = [peak / FEATURE_RATE for peak in closing_peaks(channels)]
    events = [(frame, frame) for frame in (round(moment * GRID_RATE) - agreement.lag for moment in moments)]
    real = scores.closures(clip.gap)
    return ClipScores(
        agreement,
        scores.chance_r(gap, clip.gap),
        float(np.std(gap) / np.std(clip.gap)),
        max(scores.pearson(*scores.overlap(width, clip.width, lag)) for lag in near),
        scores.closure_score([event for event in events if 0 <= event[0] < len(clip.gap)], real, len(clip.gap)),
    )


def score_curve(curve: Curve, clip: FilmedSpeech) -> ClipScores:
    """A method that knows nothing but how far the mouth is open, in any unit."""
    return ClipScores(scores.best_agreement(curve, clip.gap), scores.chance_r(curve, clip.gap), np.nan, np.nan, None)


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


def closing_peaks(channels: FloatArray) -> list[int]:
    """Frames at 50 Hz where the lips meet."""
    peaks, _ = signal.find_peaks(np.pad(channels[:, ARTICULATION.index("close")], 1), height=_CLOSED, distance=2)
    return [int(peak) - 1 for peak in peaks]


def _on_grid(curve: Curve, times: FloatArray, smoothing: float) -> Curve:
    smooth = ndimage.gaussian_filter1d(curve.astype(np.float64), smoothing * FEATURE_RATE)
    return np.interp(times, np.arange(len(curve)) / FEATURE_RATE, smooth).astype(np.float32)


@dataclass(frozen=True)
class HeldOutScores:
    """One file of weights on one held-out corpus."""

    gap_r: float
    """Mean over the recordings, at zero lag."""
    hit: float
    """Share of the /p b m/ with a closing peak inside them or within 60 ms."""
    right: float
    """Share of the closing peaks that lie in or within 60 ms of one."""
    timing_ms: float
    """Median distance of a hit's peak from the middle of the sound."""


def score_held_out(predictor: Predictor, recordings: list[Recording]) -> HeldOutScores:
    """Compares predictions with the targets made from the known sounds."""
    agreement, distances, real_count, peak_count, right_count = [], [], 0, 0, 0
    for recording in recordings:
        channels = predictor.channels(recording.samples.astype(np.float32) / 32768)
        wanted = targets(recording.segments, len(recording.samples) * MEL_RATE // SAMPLE_RATE).channels[::2]
        length = min(len(channels), len(wanted))
        agreement.append(scores.pearson(predictor.gap(channels)[:length], gap_of(wanted)[:length]))
        peaks = np.array(closing_peaks(channels)) / FEATURE_RATE
        moments = closing_moments(recording.segments, BILABIAL_STOPS)
        real_count += len(moments)
        peak_count += len(peaks)
        right_count += sum(any(start - _NEAR_SECONDS <= peak <= end + _NEAR_SECONDS for start, end in moments) for peak in peaks)
        distances += _nearest(peaks, moments)
    return HeldOutScores(
        float(np.mean(agreement)),
        len(distances) / max(real_count, 1),
        right_count / max(peak_count, 1),
        1000 * float(np.median(distances)) if distances else np.nan,
    )


def _nearest(peaks: FloatArray, moments: list[tuple[float, float]]) -> list[float]:
    """For every sound that has a peak in or near it, how far that is from the sound's middle."""
    found = []
    for start, end in moments:
        near = peaks[(peaks >= start - _NEAR_SECONDS) & (peaks <= end + _NEAR_SECONDS)]
        if len(near):
            found.append(float(np.abs(near - (start + end) / 2).min()))
    return found


def _print_clips(predictors: list[Predictor], clips: list[FilmedSpeech], *, beside: bool, rhubarb: Path | None) -> None:
    print(
        f"{'clip':14}{'method':44}{'r':>6}{'chance':>8}{'lag':>5}{'ampl.':>7}{'width':>7}  closures F1 (chance) recall precision"
    )
    everything: dict[str, list[ClipScores]] = {}
    for clip in clips:
        rows = classical(clip, clips, rhubarb) if beside else {}
        rows |= {p.name: score_clip(p, clip) for p in predictors}
        for name, row in rows.items():
            everything.setdefault(name, []).append(row)
            print(f"{clip.name:14}{name[-42:]:44}" + _row(row))
    for name, found in everything.items():
        lift = [row.closures.f1 - row.closures.chance for row in found if row.closures]
        print(
            f"{'mean':14}{name[-42:]:44}{np.mean([row.agreement.r for row in found]):6.3f}"
            f"{np.mean([row.chance for row in found]):8.2f}{'':12}{np.mean([row.width for row in found]):7.3f}"
            + (f"  F1 over chance {np.mean(lift):+.3f}" if lift else "")
        )


def _row(row: ClipScores) -> str:
    text = f"{row.agreement.r:6.2f}{row.chance:8.2f}{row.agreement.lag:+5d}{row.amplitude:7.2f}{row.width:7.2f}"
    if row.closures is None:
        return text
    found = row.closures
    return text + f"  {found.f1:.2f} ({found.chance:.2f}) {found.recall:.2f} {found.precision:.2f}"


def _print_held_out(predictors: list[Predictor], folder: Path) -> None:
    print(f"{'corpus':36}{'weights':44}{'gap r':>7}{'hit':>6}{'right':>7}{'timing':>9}")
    for path in sorted(folder.glob("heldout_*.json")):
        recordings = load_corpus(path.with_suffix(""))
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
