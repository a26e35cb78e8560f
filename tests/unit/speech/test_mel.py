import numpy as np
from synthetic_voice import RATE, noise, sentence

from spark_avatar.speech.mel import BANDS, log_mel, raised


def test_a_frame_every_ten_milliseconds_and_80_bands():
    assert log_mel(np.zeros(RATE, np.float32)).shape == (100, BANDS)
    assert log_mel(np.zeros(0, np.float32)).shape == (0, BANDS)


def test_a_tone_lights_the_band_of_its_frequency():
    seconds = np.arange(RATE) / RATE
    low, high = (log_mel(np.sin(2 * np.pi * f * seconds).astype(np.float32))[50].argmax() for f in (300, 3000))
    mel = 2595 * np.log10(1 + np.array([40, 300, 3000, 7800]) / 700)
    expected = (mel[1:3] - mel[0]) / (mel[3] - mel[0]) * (BANDS + 1) - 1
    assert abs(low - expected[0]) <= 1
    assert abs(high - expected[1]) <= 1


def test_ten_times_the_amplitude_is_twenty_decibels():
    sound = noise(1.0, -30)
    difference = log_mel(10 * sound) - log_mel(sound)
    np.testing.assert_allclose(difference[5:-5], np.log(100), atol=0.05)


def test_long_recordings_are_the_same_piece_by_piece():
    sound = sentence(3, syllables=120)
    assert len(sound) > 21 * RATE
    whole = log_mel(sound)
    np.testing.assert_allclose(whole[1990:2010], log_mel(sound[1900 * 160 :])[90:110], atol=1e-4)


def test_louder_and_longer_is_what_louder_and_padded_samples_give():
    sound = sentence(3, syllables=3)[: RATE + 77]
    np.testing.assert_array_equal(
        log_mel(sound, frames=104, gain=3.0), log_mel(np.pad(sound * np.float32(3.0), (0, 104 * 160 - len(sound))))
    )


def test_raised_frames_are_those_of_louder_samples():
    sound = 0.01 * sentence(3)[:RATE]
    np.testing.assert_allclose(raised(log_mel(sound), np.full(100, 20.0)), log_mel(10 * sound), atol=0.02)
    np.testing.assert_array_equal(raised(log_mel(sound), np.zeros(100)), log_mel(sound))
    np.testing.assert_allclose(raised(log_mel(0 * sound), np.full(100, 20.0)), log_mel(0 * sound), atol=1e-3)
