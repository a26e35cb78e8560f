"""The conditions under which the mouth is compared, on a voice made by rule."""

import numpy as np
import pytest

from spark_avatar.media.audio import AudioFacts
from spark_avatar.speech.levels import short_time_level
from spark_avatar.speech.prosody import fundamental_frequency
from training import robustness
from training.robustness import CONDITIONS, Mouth, crowd_of, mouth_of, survival

RATE = 16_000


@pytest.fixture(scope="module")
def voice():
    """Four seconds of vowels a and i in turn, with pauses between."""
    random = np.random.default_rng(0)
    parts = []
    for formants in ((730, 1250), (280, 2250)) * 6:
        length = int(random.uniform(0.15, 0.25) * RATE)
        phase = np.arange(length) * 120 / RATE
        buzz = np.diff(np.floor(phase), prepend=0.0)
        sound = sum(np.convolve(buzz, resonance(f), "same") for f in formants)
        parts += [sound / np.abs(sound).max() * 0.3 * np.hanning(length), np.zeros(int(0.12 * RATE))]
    return np.concatenate(parts)


def resonance(hertz):
    time = np.arange(400) / RATE
    return np.exp(-300 * time) * np.sin(2 * np.pi * hertz * time)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_keeps_the_length_and_changes_the_sound(voice, name):
    heard = CONDITIONS[name](voice, crowd_of([voice[::-1].astype(np.float32)], len(voice)), np.random.default_rng(1))
    assert heard.shape == voice.shape
    assert np.isfinite(heard).all()
    assert np.abs(heard - voice).max() > 0.01


def test_a_whisper_has_no_pitch(voice):
    def voiced(sound):
        samples = sound.astype(np.float32)
        return np.mean(fundamental_frequency(samples, short_time_level(samples, len(samples) // 320)) > 0)

    assert voiced(voice) > 0.3
    assert voiced(robustness.whisper(voice, voice, np.random.default_rng(0))) < 0.05


def test_a_song_holds_its_notes(voice):
    sung = robustness.singing(voice, voice, np.random.default_rng(0)).astype(np.float32)
    pitch = fundamental_frequency(sung, short_time_level(sung, len(sung) // 320))
    voiced = pitch[pitch > 0]
    assert len(voiced) > 0.3 * len(pitch)
    low, high = np.percentile(voiced, [25, 75])
    assert 140 < low < high < 340
    assert high - low > 40  # spoken at 120 Hz throughout


def test_a_telephone_leaves_the_mouth_nearly_as_it_was(voice):
    facts = AudioFacts(seconds=len(voice) / RATE, sample_rate=RATE, channels=1, codec="pcm_s16le", bytes=2 * len(voice))
    clean, heard = (
        mouth_of(sound.astype(np.float32), facts)
        for sound in (voice, robustness.telephone(voice, voice, np.random.default_rng(0)))
    )
    found = survival(clean, heard)
    assert found.r > 0.8
    assert 0.6 < found.amplitude < 1.5


def test_survival_of_what_it_is_by_hand():
    speaking = np.array([1, 1, 1, 0, 0], np.float32)
    clean = Mouth(np.array([0.1, 0.3, 0.2, 0, 0], np.float32), speaking)
    half = Mouth(0.5 * clean.gap, speaking)
    parted = Mouth(np.array([0.1, 0.3, 0.2, 0.1, 0.1], np.float32), speaking)
    fluttering = Mouth(np.array([0.1, 0.3, 0.2, 0.1, 0.3], np.float32), speaking)
    assert survival(clean, half).r == pytest.approx(1)
    assert survival(clean, half).amplitude == pytest.approx(0.5, abs=1e-4)
    assert survival(clean, half).flutter == pytest.approx(0)
    assert survival(clean, parted).flutter == pytest.approx(0, abs=1e-4)
    assert survival(clean, fluttering).flutter == pytest.approx(0.1 / np.std([0.1, 0.3, 0.2]), abs=1e-4)
