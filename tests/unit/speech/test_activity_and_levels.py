import numpy as np
import pytest
from synthetic_voice import RATE, noise, sentence, silence

from spark_avatar.speech.levels import measure_levels, short_time_level


def test_level_of_a_sine_is_its_rms():
    seconds = np.arange(2 * RATE) / RATE
    level = short_time_level((0.5 * np.sin(2 * np.pi * 200 * seconds)).astype(np.float32), 100)
    np.testing.assert_allclose(level[2:-2], 20 * np.log10(0.5 / np.sqrt(2)), atol=0.1)


def test_digital_silence_is_minus_100_db():
    np.testing.assert_allclose(short_time_level(silence(1.0), 50), -100, atol=0.01)


def test_a_long_silence_does_not_change_the_loud_level():
    sound = sentence(1)

    def loud(samples: np.ndarray) -> float:
        return measure_levels(short_time_level(samples, len(samples) // 320)).loud

    assert loud(np.concatenate([sound, silence(60.0)])) == pytest.approx(loud(sound), abs=1.0)


def test_a_click_does_not_set_the_loud_level():
    sound = 0.1 * sentence(1)
    clicked = sound.copy()
    clicked[8000:8100] = 0.99
    before, after = (measure_levels(short_time_level(s, len(s) // 320)).loud for s in (sound, clicked))
    assert after == pytest.approx(before, abs=1.0)


def test_noise_is_the_quietest_tenth():
    sound = np.concatenate([sentence(1), silence(1.0)])
    found = measure_levels(short_time_level(sound + noise(len(sound) / RATE, -50), len(sound) // 320))
    assert found.noise == pytest.approx(-50, abs=1.0)
