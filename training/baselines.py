"""What classical methods make of the sound: the bars for the network to clear."""

import subprocess
import tempfile
import wave
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from scipy import ndimage

from spark_avatar.media.arrays import Curve, FloatArray, Samples
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.levels import short_time_level
from spark_avatar.speech.mel import MEL_RATE, SAMPLE_RATE, log_mel
from training.filmed import GRID_RATE, FilmedSpeech

_SMOOTHING_SECONDS: Final = 0.04
_REACH: Final = 5
"""Frames of 40 ms to either side that the regression sees."""
_BANDS_JOINED: Final = 4
_RIDGE: Final = 100.0

# Openness 0..1 by kind of sound, set from what jaws do: open vowels widest, consonants narrow, lips shut for p b m.
_OF_PHONES: Final = {
    0.0: "P B M SIL",
    0.1: "F V",
    0.2: "W UW S Z SH ZH CH JH",
    0.3: "UH Y IY T D N TH DH R K G NG",
    0.4: "IH ER L HH",
    0.5: "EY OW OY",
    0.65: "EH AH",
    0.8: "AO AY AW",
    1.0: "AA AE",
}
_OPENNESS: Final = {phone: value for value, phones in _OF_PHONES.items() for phone in phones.split()}

# By mouth shape of Rhubarb Lip Sync, after the pictures in its documentation.
_OF_SHAPES: Final = {"A": 0.0, "B": 0.25, "C": 0.6, "D": 1.0, "E": 0.5, "F": 0.2, "G": 0.1, "H": 0.5, "X": 0.0}


def loudness_mouth(samples: Samples, frames: int) -> Curve:
    """(frames,) at `GRID_RATE`: the square root of the level."""
    level = short_time_level(samples, -(-len(samples) // (SAMPLE_RATE // FEATURE_RATE)))
    return _on_grid(10 ** (level / 40), FEATURE_RATE, frames)


def ridge_mouth(clip: FilmedSpeech, others: list[FilmedSpeech]) -> Curve:
    """(frames,): ridge regression from log-mel to the gap, fitted on the other clips only."""
    features = [_stacked(other) for other in others]
    gaps = [other.gap - other.gap.mean() for other in others]
    x, y = np.concatenate(features), np.concatenate(gaps)
    weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y)
    predicted: Curve = (_stacked(clip) @ weights).astype(np.float32)
    return predicted


def sphinx_mouth(samples: Samples, frames: int) -> Curve | None:
    """(frames,): the phone loop of PocketSphinx with its own English model; None where it is not installed."""
    if find_spec("pocketsphinx") is None:
        return None
    from pocketsphinx import Decoder, get_model_path

    model = Path(get_model_path()) / "en-us"
    decoder = Decoder(hmm=str(model / "en-us"), allphone=str(model / "en-us-phone.lm.bin"), lm=None, dict=None, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(_pcm(samples), full_utt=True)
    decoder.end_utt()
    openness = np.zeros(len(samples) * MEL_RATE // SAMPLE_RATE + 2)
    for segment in decoder.seg() or []:
        openness[segment.start_frame : segment.end_frame + 1] = _OPENNESS.get(segment.word, 0.0)
    return _on_grid(openness, MEL_RATE, frames)


def rhubarb_mouth(samples: Samples, frames: int, program: Path) -> Curve:
    """(frames,): the mouth shapes of an installed Rhubarb Lip Sync, with its phonetic recogniser."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(_pcm(samples))
        command = [str(program), "-q", "-f", "tsv", "-r", "phonetic", str(path)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout  # noqa: S603
    changes = [line.split("\t") for line in printed.splitlines() if line]
    openness = np.zeros(len(samples) * MEL_RATE // SAMPLE_RATE + 2)
    for start, shape in changes:
        openness[round(float(start) * MEL_RATE) :] = _OF_SHAPES.get(shape, 0.0)
    return _on_grid(openness, MEL_RATE, frames)


def _stacked(clip: FilmedSpeech) -> FloatArray:
    """(frames, features): normalised log-mel of each frame and its neighbours."""
    mel = log_mel(clip.samples)
    mel = mel.reshape(len(mel), -1, _BANDS_JOINED).mean(axis=2)
    mel = (mel - mel.mean(axis=0)) / (mel.std(axis=0) + 1e-6)
    smooth = ndimage.gaussian_filter1d(mel, _SMOOTHING_SECONDS * MEL_RATE / 2, axis=0)
    grid = smooth[np.minimum(np.arange(len(clip.gap)) * round(MEL_RATE / GRID_RATE), len(smooth) - 1)]
    padded = np.pad(grid, ((_REACH, _REACH), (0, 0)), mode="edge")
    stacked: FloatArray = np.concatenate([padded[shift : shift + len(grid)] for shift in range(2 * _REACH + 1)], axis=1)
    return stacked


def _on_grid(curve: FloatArray, rate: float, frames: int) -> Curve:
    smooth = ndimage.gaussian_filter1d(np.asarray(curve, np.float64), _SMOOTHING_SECONDS * rate)
    return np.interp(np.arange(frames) / GRID_RATE, np.arange(len(smooth)) / rate, smooth).astype(np.float32)


def _pcm(samples: Samples) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
