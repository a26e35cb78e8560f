"""The articulation network: log-mel in, what lips, teeth and tongue do out. See data/MODEL_CARD.md."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import as_file, files
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from spark_avatar.media.arrays import Curve, FloatArray
from spark_avatar.speech.blocks import Blocks, overlapping
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE
from spark_avatar.speech.mel import BANDS, MEL_RATE

_STEP: Final = MEL_RATE // FEATURE_RATE
_CHUNK: Final = 20 * FEATURE_RATE
CONTEXT: Final = int(0.7 * FEATURE_RATE)
"""Frames to either side beyond which nothing changes: the network sees 0.62 s (dilations 1 2 4 8, twice, and the first
kernel)."""

REFERENCE_DB: Final = -18.0
"""Loud level (see `levels.Levels`) at which the network should hear a recording, about that of its training."""

# Normalisation of the training: each band relative to its mean over the loud frames.
_LOUD_SHARE: Final = 0.6
_LOWEST_LOG: Final = -14.0
_LOWEST_RELATIVE: Final = -7.0
_SCALE: Final = 2.5

# Mean of the loud frames of 24 synthesised sentences in six voices at the level that the analysis sets, in every fifth
# band. It counts as much as 0.3 s of the recording: a single word would otherwise be normalised to nothing
# (r of `open` on 0.6 s pieces against whole sentences: 0.945 with it, 0.922 without).
_TYPICAL: Final = (-2.1, 1.4, 0.3, -0.3, -2.5, -4.3, -4.4, -4.9, -5.8, -5.0, -4.3, -4.5, -5.7, -8.3, -8.7, -8.1, -10.1)
_TYPICAL_FRAMES: Final = int(0.3 * MEL_RATE)

_SILENCE_CLASS: Final = 0
_BILABIAL_CLASS: Final = 1
_CLOSE: Final = ARTICULATION.index("close")

# Twice over the network tells that the lips meet: in the channel `close`, and by what it takes the sound for. The mean of both,
# averaged with the neighbouring frames, finds more closures at equally many false ones: on noisy synthesised speech (6,700
# closures, three in four peaks right) 92.0 % rather than 91.2 %. The factor makes up for peaks that the averaging lowers: chosen
# on the development part of the held-out voices so that a peak of 0.25 is right as often as it was before.
_NEIGHBOURS: Final = (0.25, 0.5, 0.25)
_REACH: Final = len(_NEIGHBOURS) // 2
_CLOSE_SCALE: Final = 1.4


@dataclass(frozen=True, eq=False)
class Articulation:
    """Output of the network at `FEATURE_RATE`."""

    channels: FloatArray
    """(n, 7), 0..1, in the order of `features.ARTICULATION`; `close` is told by the classes of sounds too."""
    sounds: FloatArray
    """(n, 27), 0..1: probabilities of classes of sounds; the first is silence."""

    @property
    def silence(self) -> Curve:
        """(n,), 0..1: probability of silence."""
        curve: Curve = self.sounds[:, _SILENCE_CLASS]
        return curve

    @property
    def certainty(self) -> Curve:
        """(n,), 0..1: probability of the likeliest sound of speech."""
        curve: Curve = np.delete(self.sounds, _SILENCE_CLASS, axis=1).max(axis=1)
        return curve


def normalise(mel: FloatArray, heard: NDArray[np.bool_]) -> FloatArray:
    """Takes loudness, microphone and room out of a log-mel spectrogram (cepstral mean normalisation).

    `heard` (frames,) marks the frames that belong to the speech or its short pauses: the mean of each band is taken over
    the loudest 60 % of them, so that a long silence in a recording changes nothing. `mel` is that of speech whose loud level
    is `REFERENCE_DB`.
    """
    return relative_to(loud_means(lambda: (mel,), heard), mel)


def loud_means(mel: Blocks, heard: NDArray[np.bool_]) -> FloatArray:
    """(80,): the means that `normalise` takes off, of a log-mel spectrogram in blocks. Goes through them twice."""
    level = np.concatenate([np.maximum(block, _LOWEST_LOG).mean(axis=1) for block in mel()])
    candidates = heard if heard.any() else np.ones_like(heard)
    loud = candidates & (level >= np.quantile(level[candidates], 1 - _LOUD_SHARE))
    typical = np.interp(np.arange(BANDS), [*range(0, BANDS, 5), BANDS - 1], _TYPICAL)
    total, first = _TYPICAL_FRAMES * typical, 0
    for block in mel():
        total += np.maximum(block, _LOWEST_LOG).sum(axis=0, where=loud[first : first + len(block), None])
        first += len(block)
    means: FloatArray = (total / (loud.sum() + _TYPICAL_FRAMES)).astype(np.float32)
    return means


def relative_to(means: FloatArray, mel: FloatArray) -> FloatArray:
    """A log-mel spectrogram, or a block of it, as the network takes it: relative to these means."""
    relative: FloatArray = np.maximum(mel, _LOWEST_LOG)
    relative -= means
    np.maximum(relative, _LOWEST_RELATIVE, out=relative)
    relative /= np.float32(_SCALE)
    return relative


class ArticulationNetwork:
    """The network, loaded at the first use and kept. `run` may be called from several threads."""

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # The arena would keep the largest chunk's memory for ever.
        options.enable_cpu_mem_arena = False
        with as_file(files("spark_avatar.speech") / "data" / "articulation.onnx") as path:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, mel: FloatArray) -> Articulation:
        """Normalised log-mel (frames, 80) at 100 Hz to articulation at 50 Hz, ceil(frames / 2) long."""
        parts = [*self.run_blocks((mel,))]
        return Articulation(np.concatenate([part.channels for part in parts]), np.concatenate([part.sounds for part in parts]))

    def run_blocks(self, mel: Iterable[FloatArray]) -> Iterator[Articulation]:
        """The same for a spectrogram in blocks, in parts of 20 s.

        Works in chunks with context on both sides: the result is that of the whole in one piece, the memory that of one
        chunk.
        """
        for before, outputs in overlapping(self._outputs(mel), _CHUNK, _REACH):
            told = read_out(outputs[:, : len(ARTICULATION)], outputs[:, len(ARTICULATION) :])
            counted = slice(before, before + _CHUNK)
            yield Articulation(told.channels[counted], told.sounds[counted])

    def _outputs(self, mel: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """(n, 7 + 27): channels and logits, before they are read out."""
        for before, heard in overlapping(mel, _CHUNK * _STEP, CONTEXT * _STEP):
            outputs = self._session.run(None, {"logmel": heard[None].astype(np.float32, copy=False)})
            first = before // _STEP
            yield np.concatenate([output[0, first : first + _CHUNK] for output in outputs], axis=1)


def read_out(channels: FloatArray, logits: FloatArray) -> Articulation:
    """What the outputs of the network, (n, 7) and (n, 27), say together."""
    sounds = _softmax(logits)
    told = channels.copy()
    told[:, _CLOSE] = (told[:, _CLOSE] + sounds[:, _BILABIAL_CLASS]) / 2
    before, at, after = (np.float32(share) for share in _NEIGHBOURS)
    padded = np.pad(told, ((1, 1), (0, 0)), mode="edge")
    told = before * padded[:-2] + at * padded[1:-1] + after * padded[2:]
    told[:, _CLOSE] = np.minimum(_CLOSE_SCALE * told[:, _CLOSE], 1)
    return Articulation(told, sounds)


def _softmax(logits: FloatArray) -> FloatArray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


@cache
def articulation_network() -> ArticulationNetwork:
    """The network of this process."""
    return ArticulationNetwork()
