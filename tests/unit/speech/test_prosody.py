import numpy as np
import pytest
from synthetic_voice import RATE, noise, silence, vowel

from spark_avatar.speech.levels import short_time_level
from spark_avatar.speech.prosody import fundamental_frequency, gliding


def pitch_of(sound: np.ndarray) -> np.ndarray:
    return fundamental_frequency(sound, short_time_level(sound, -(-len(sound) // 320)))


@pytest.mark.parametrize("hertz", [75, 120, 210, 330])
def test_pitch_of_a_voice(hertz):
    seconds = np.arange(RATE) / RATE
    sound = sum(np.sin(2 * np.pi * hertz * k * seconds) / k for k in range(1, 9)).astype(np.float32) * 0.1
    pitch = pitch_of(sound)
    np.testing.assert_allclose(pitch[5:-5], hertz, rtol=0.02)


def test_pitch_follows_a_melody():
    pitch = pitch_of(vowel("a", 1.0, pitch=150))
    voiced = pitch[5:-5]
    assert (voiced > 0).all()
    assert voiced.max() == pytest.approx(150 * 1.15, rel=0.04)
    assert 10 < voiced.argmax() < 35


def test_noise_and_silence_have_no_pitch():
    assert (pitch_of(noise(2.0, -20)) > 0).mean() < 0.05
    assert not pitch_of(silence(1.0)).any()


def test_any_length():
    for samples in (1, 100, 321, 2000):
        assert len(pitch_of(np.zeros(samples, np.float32))) == -(-samples // 320)


def test_a_voice_glides_and_a_tune_or_an_engine_does_not():
    assert gliding(pitch_of(vowel("a", 0.3, pitch=150))).mean() > 0.3
    assert not gliding(np.repeat(np.float32([200, 250, 300]), 20)).any()
    assert not gliding(np.full(60, 110, np.float32)).any()
    assert not gliding(np.zeros(60, np.float32)).any()
