"""Weights as the program hears with them: samples in, articulation out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime
from scipy import signal

from spark_avatar.media.arrays import Curve, FloatArray, Samples
from spark_avatar.speech.activity import audible_neighbourhood
from spark_avatar.speech.articulation import REFERENCE_DB, normalise, read_out
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE
from spark_avatar.speech.levels import measure_levels, short_time_level
from spark_avatar.speech.mel import MEL_RATE, SAMPLE_RATE, log_mel
from training.targets import gap_of

_STEP: Final = SAMPLE_RATE // FEATURE_RATE
_CLOSED: Final = 0.17
"""Peaks of the channel `close` over this count as closures, as in the animation."""
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
        outputs = [session.run(None, {"logmel": logmel}) for session in self.sessions]
        channels, logits = (np.mean([output[k][0] for output in outputs], axis=0) for k in (0, 1))
        return channels if self.terms else read_out(channels, logits).channels

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


def closing_peaks(channels: FloatArray) -> list[int]:
    """Frames at 50 Hz where the lips meet."""
    peaks, _ = signal.find_peaks(np.pad(channels[:, ARTICULATION.index("close")], 1), height=_CLOSED, distance=2)
    return [int(peak) - 1 for peak in peaks]
