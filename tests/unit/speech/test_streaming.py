import numpy as np
import pytest
from synthetic_voice import sentence

from spark_avatar.media.audio import probe_audio, read_samples
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.samples import sample_speech
from spark_avatar.speech.analyzer import analyze_speech
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE
from spark_avatar.speech.mel import SAMPLE_RATE
from spark_avatar.speech.streaming import LOOK_AHEAD_SECONDS, ArticulationStream


def streamed(samples: np.ndarray, chunk: int) -> np.ndarray:
    stream = ArticulationStream()
    parts = [stream.push(samples[first : first + chunk]) for first in range(0, len(samples), chunk)]
    return np.concatenate([*parts, stream.finish()])


def visible_gap(articulation: np.ndarray) -> np.ndarray:
    opened, closed = (articulation[:, ARTICULATION.index(name)] for name in ("open", "close"))
    return opened * (1 - closed)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return read_samples(sample_speech(), rate=SAMPLE_RATE)


def test_streaming_equals_the_whole_within_the_stated_bound(speech):
    whole = analyze_speech(sample_speech(), probe_audio(sample_speech(), MediaLimits())).articulation
    parts = streamed(speech, 1600)
    assert parts.shape == whole.shape
    later = slice(2 * FEATURE_RATE, None)
    assert np.abs(parts[later] - whole[later]).mean() < 0.03
    assert np.corrcoef(visible_gap(parts[later]), visible_gap(whole[later]))[0, 1] > 0.96


def test_curves_come_as_late_as_stated_and_no_later(speech):
    stream = ArticulationStream()
    for pushed in range(1, 20):
        given = len(stream.push(speech[(pushed - 1) * 3200 : pushed * 3200]))
        assert given == (0 if pushed * 0.2 <= LOOK_AHEAD_SECONDS else 10)
    assert len(stream.finish()) == round(LOOK_AHEAD_SECONDS * FEATURE_RATE)


@pytest.mark.parametrize("length", [0, 1, 319, 320, 12_345])
def test_any_length_gives_as_many_frames_as_the_analysis(length):
    sound = sentence(1)[:length]
    assert len(streamed(sound, 700)) == -(-length // 320)


def test_memory_is_bounded(speech):
    stream = ArticulationStream()
    for _ in range(4):
        stream.push(speech)
    assert len(stream._recent) <= 8 * SAMPLE_RATE + len(speech)
    stream.push(speech[:320])
    assert len(stream._recent) <= 8.1 * SAMPLE_RATE
