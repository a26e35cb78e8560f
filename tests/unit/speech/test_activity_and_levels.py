import numpy as np
import pytest
from synthetic_voice import RATE, noise, sentence, silence

from spark_avatar.speech.activity import speech_activity
from spark_avatar.speech.levels import Levels, measure_levels, short_time_level


def test_level_of_a_sine_is_its_rms():
    seconds = np.arange(2 * RATE) / RATE
    level = short_time_level((0.5 * np.sin(2 * np.pi * 200 * seconds)).astype(np.float32), 100)
    np.testing.assert_allclose(level[2:-2], 20 * np.log10(0.5 / np.sqrt(2)), atol=0.1)


@pytest.mark.parametrize("length", [RATE, 12 * RATE + 77])
@pytest.mark.parametrize(
    ("hertz", "left_db"), [(0, -90), (12, -40), (50, -40), (60, -35)], ids=["offset", "rumble", "50 Hz", "60 Hz"]
)
def test_an_offset_rumble_and_the_mains_have_no_level(length, hertz, left_db):
    humming = (0.5 * np.cos(2 * np.pi * hertz * np.arange(length) / RATE)).astype(np.float32)
    level = short_time_level(humming, -(-length // 320))
    assert level[2:-2].max() < left_db
    assert level.max() < left_db + 20  # a pure tone that is mirrored at its end is not quite itself


@pytest.mark.parametrize("hertz", [100, 1000, 7000])
def test_voices_keep_their_level(hertz):
    tone = (0.5 * np.sin(2 * np.pi * hertz * np.arange(12 * RATE) / RATE)).astype(np.float32)
    np.testing.assert_allclose(short_time_level(tone, 600)[2:-2], 20 * np.log10(0.5 / np.sqrt(2)), atol=0.2)


@pytest.mark.parametrize("length", [0, 1, 319, 320, 700])
def test_any_length_has_a_level(length):
    assert np.isfinite(short_time_level(np.full(length, 0.1, np.float32), -(-length // 320))).all()


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


SYLLABLES = -12 + 10 * np.sin(np.linspace(0, 16 * np.pi, 100, dtype=np.float32))
GLIDING = 250 * 2 ** (0.3 * np.sin(np.linspace(0, 4 * np.pi, 100, dtype=np.float32)))
STEPPING = np.repeat(np.float32([200, 250, 300, 250, 225]), 20)


@pytest.mark.parametrize(
    ("certainty", "loudness", "pitch", "spoken"),
    [
        pytest.param(0.4, np.full(100, -12), np.zeros(100), True, id="the network is certain"),
        pytest.param(0.15, SYLLABLES, GLIDING, True, id="perhaps, and it moves like a voice"),
        pytest.param(0.15, SYLLABLES, STEPPING, False, id="perhaps, and a tune"),
        pytest.param(0.15, SYLLABLES, np.zeros(100), False, id="perhaps, and a noise"),
        pytest.param(0.15, np.full(100, -12), GLIDING, False, id="perhaps, and a siren"),
        pytest.param(0.05, SYLLABLES, GLIDING, False, id="it cannot tell one sound from another"),
    ],
)
def test_an_unusual_voice_is_told_by_how_it_moves(certainty, loudness, pitch, spoken):
    found = speech_activity(
        loudness.astype(np.float32),
        Levels(loud=-5.0, noise=-60.0),
        pitch.astype(np.float32),
        rise=np.zeros(100, np.float32),
        silence=np.full(100, 0.3, np.float32),
        certainty=np.full(100, certainty, np.float32),
    )
    assert found.all() if spoken else not found.any()
