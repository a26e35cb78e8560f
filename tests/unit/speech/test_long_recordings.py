"""What a long recording costs, and that it is heard as a short one is."""

import multiprocessing
import tracemalloc
import wave
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from synthetic_voice import RATE, sentence, silence

from spark_avatar.animation.animator import animate
from spark_avatar.media.audio import AudioFacts
from spark_avatar.speech.analyzer import analyze_blocks, analyze_samples, analyze_speech
from spark_avatar.speech.features import SpeechFeatures
from spark_avatar.speech.mel import log_mel, log_mel_blocks

MOST_BY_ANALYSIS = 0.55
"""MB a minute: 0.41 were measured, of which the curves are 0.3. A decoded minute has 3.8 MB, its spectrogram 1.9."""
MOST_BY_ANIMATION = 1.2
"""MB a minute, with what the analysis found: 0.9 were measured at 25 frames a second. The track itself has 0.35."""
CURVES = ("articulation", "loudness", "activity", "visemes", "pitch")


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return np.concatenate([part for seed in range(4) for part in (sentence(seed), silence(0.7))])


def facts_of(samples: int) -> AudioFacts:
    return AudioFacts("pcm_s16le", samples / RATE, RATE, 1, 2 * samples)


def cut_at_random(samples: np.ndarray, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.split(samples, np.sort(rng.integers(0, len(samples), 60)))


def assert_same(one: SpeechFeatures, other: SpeechFeatures) -> None:
    for name in CURVES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.diagnostics == other.diagnostics
    assert one.warnings == other.warnings


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("remembered", [0.0, 60.0], ids=["anew each time", "kept"])
def test_blocks_of_any_length_give_what_the_whole_gives(speech, seed, remembered, monkeypatch):
    whole = np.tile(speech, 4)[: 45 * RATE + 100 * seed + 7]
    whole[20 * RATE :] *= np.float32(0.08)  # so quiet that some of it is raised
    in_one_piece = analyze_samples(whole, facts_of(len(whole)))
    monkeypatch.setattr("spark_avatar.speech.analyzer._KEPT_SECONDS", remembered)
    assert_same(analyze_blocks(lambda: cut_at_random(whole, seed), facts_of(len(whole))), in_one_piece)


def test_spectrogram_in_blocks_is_that_of_the_whole(speech):
    whole = np.tile(speech, 2)[: 13 * RATE + 77]
    frames = 2 * -(-len(whole) // 320)
    blocks = log_mel_blocks(cut_at_random(whole, 5), frames=frames, gain=1.5)
    np.testing.assert_array_equal(np.concatenate([*blocks]), log_mel(whole, frames=frames, gain=1.5))


@pytest.mark.slow
def test_memory_hardly_grows_with_the_length(speech, tmp_path):
    minutes = (2, 8)
    paths = [write_repeated(tmp_path / f"{n}.wav", speech, n) for n in minutes]
    # a process of its own, as a peak counts what other tests' threads and garbage hold, too
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        process.submit(analyze_samples, speech, facts_of(len(speech))).result()  # what is loaded once does not count
        shorter, longer = process.map(peaks, paths, minutes)
    by_analysis, by_animation = (
        (after - before) / (minutes[1] - minutes[0]) for before, after in zip(shorter, longer, strict=True)
    )
    assert by_analysis < MOST_BY_ANALYSIS
    assert by_animation < MOST_BY_ANIMATION


def write_repeated(path: Path, speech: np.ndarray, minutes: int) -> Path:
    def pieces() -> Iterator[bytes]:
        left = minutes * 60 * RATE
        once = (speech * 32767).astype("<i2")
        while left > 0:
            yield once[:left].tobytes()
            left -= len(once)

    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for piece in pieces():
            file.writeframesraw(piece)
    return path


def peaks(path: Path, minutes: int) -> tuple[float, float]:
    """Most MB that Python and NumPy held: in the analysis, and in the animation after it."""
    tracemalloc.start()
    try:
        features = analyze_speech(path, facts_of(minutes * 60 * RATE))
        analysis = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        track = animate(features, frame_rate=Fraction(25), rng=np.random.default_rng(0))
        assert len(track) == minutes * 60 * 25
        return analysis / 1e6, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
