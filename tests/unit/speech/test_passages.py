"""Speech far under the loud level of its recording is raised, and nothing else is."""

import numpy as np
import pytest

from spark_avatar.speech.levels import measure_levels
from spark_avatar.speech.passages import quiet_passages

RATE = 50
SECOND = np.arange(RATE) / RATE


def passage(seconds: int, level: float, *, voice: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(n,) level and pitch: four syllables a second with closures between them, over a room at -70 dB."""
    syllables = level - 25 * (np.sin(2 * np.pi * 4 * SECOND) < -0.5)
    pitch = 150 * 2 ** (0.2 * np.sin(2 * np.pi * 2 * SECOND)) * voice
    return np.tile(np.maximum(syllables, -70), seconds), np.tile(pitch, seconds)


def pause(seconds: float, level: float = -70.0) -> tuple[np.ndarray, np.ndarray]:
    frames = round(seconds * RATE)
    return np.full(frames, level), np.zeros(frames)


def rise_of(*parts: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    loudness, pitch = (np.concatenate(curves).astype(np.float32) for curves in zip(*parts, strict=True))
    rise = quiet_passages(loudness, measure_levels(loudness), pitch)
    assert rise.shape == loudness.shape
    return rise


@pytest.mark.parametrize("under", [18, 22, 26])
def test_a_quiet_passage_comes_within_12_db_of_the_loud_one(under):
    rise = rise_of(passage(8, -15), pause(1), passage(8, -15 - under), pause(1))
    assert rise[10 * RATE : 16 * RATE] == pytest.approx(under - 12, abs=0.5)
    assert rise[: 8 * RATE].max() < 1


def test_a_beep_does_not_set_what_quiet_speech_is_measured_by():
    beep = np.full(16, -5.0), np.full(16, 500.0)
    rise = rise_of(pause(0.5), beep, passage(7, -45), pause(1))
    assert rise[2 * RATE : 7 * RATE] == pytest.approx(45 - 5 - 12, abs=0.5)
    assert rise[25:41].max() < 0.5, "the beep itself stays"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([passage(8, -15), pause(8), passage(8, -15)], id="a long pause"),
        pytest.param([passage(8, -15), pause(1), passage(1, -37), pause(1), passage(8, -15)], id="a word aside"),
        pytest.param([passage(8, -15), passage(8, -24), pause(2)], id="a little quieter"),
        pytest.param([passage(8, -15), passage(8, -37, voice=False), pause(2)], id="noise that comes and goes"),
        pytest.param([passage(8, -15), passage(8, -47), pause(2)], id="voices in the next room"),
        pytest.param([passage(8, -15), passage(8, -60), pause(2)], id="next to no louder than the room"),
        pytest.param([pause(5, -100), passage(1, -15), pause(5, -100)], id="one word"),
        pytest.param([passage(1, -15)], id="short"),
        pytest.param([pause(0.02)], id="one frame"),
    ],
)
def test_everything_else_stays_as_it_is(parts):
    assert not rise_of(*parts).any()
