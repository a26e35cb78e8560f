"""Two channels to one, even where one is the other turned upside down."""

import numpy as np
import pytest

from spark_avatar.media.mixing import mixed

RATE = 16_000


def voice(seconds: float, hertz: float = 220.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def mix_of(left: np.ndarray, right: np.ndarray, block: int = 1024) -> np.ndarray:
    both = np.stack([left, right])
    blocks = [both[:, first : first + block] for first in range(0, both.shape[1], block)]
    return np.concatenate([*mixed(blocks, RATE)])


@pytest.mark.parametrize("right", [1.0, 0.5, 0.0, -0.3], ids=["the same", "half", "silent", "some of it inverted"])
def test_the_mean_is_taken(right):
    sound = voice(2)
    np.testing.assert_allclose(mix_of(sound, np.float32(right) * sound), (1 + right) / 2 * sound, atol=1e-6)


def test_of_two_speakers_both_are_heard():
    left, right = voice(2, 220), voice(2, 330)
    np.testing.assert_allclose(mix_of(left, right), (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize(("left", "right", "heard"), [(1, -1, 1), (0.8, -0.9, -0.9), (1, -0.7, 1)])
def test_of_inverted_channels_the_louder_one_is_taken(left, right, heard):
    sound = voice(2)
    np.testing.assert_allclose(mix_of(np.float32(left) * sound, np.float32(right) * sound), heard * sound, atol=1e-6)


def test_pauses_do_not_change_what_is_taken_and_nothing_clicks():
    sound = voice(6, 50) * np.repeat(np.float32([1, 0, 1]), 2 * RATE)
    tilted = np.linspace(1.1, 0.9, len(sound), dtype=np.float32)
    heard = mix_of(tilted * sound, -sound / tilted)
    assert np.abs(np.diff(heard)[: 2 * RATE - 2]).max() < 0.03
    assert np.sqrt(np.mean(heard[-2 * RATE :] ** 2)) == pytest.approx(np.sqrt(0.5), rel=0.15)


def test_a_change_within_a_recording_is_followed_without_a_click():
    sound = voice(8, 50)
    right = sound * np.repeat(np.float32([1, -1]), 4 * RATE)
    heard = mix_of(sound, right)
    np.testing.assert_allclose(heard[: 4 * RATE], sound[: 4 * RATE], atol=1e-6)
    np.testing.assert_allclose(heard[6 * RATE :], sound[6 * RATE :], atol=1e-6)


def test_silence_and_nothing():
    assert not mix_of(np.zeros(4000, np.float32), np.zeros(4000, np.float32)).any()
    assert [*mixed([], RATE)] == []
