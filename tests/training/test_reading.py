"""How a gap is read as a filmed one."""

import numpy as np
import pytest

from training.reading import Reading, chosen_on_others

RANDOM = np.random.default_rng(3)
GAP = RANDOM.random(500).astype(np.float32)


def test_no_exponent_and_no_share_change_nothing():
    np.testing.assert_allclose(Reading(exponent=1.0, share=0.0)(GAP), GAP, rtol=1e-6)


def test_small_openings_are_told_apart_rather_than_large_ones():
    small, middle, large = Reading(exponent=0.7, share=0.0)(np.float32([0.1, 0.3, 0.5]))
    assert middle - small > large - middle


def test_a_passage_of_open_sounds_is_opened_more():
    narrow, wide = np.full(250, 0.2, np.float32), np.full(250, 0.4, np.float32)
    read = Reading(exponent=1.0, share=0.5)(np.concatenate([narrow, wide]))
    assert read[50] < 0.2
    assert read[-50] > 0.4


def test_silence_stays_shut():
    assert not Reading(exponent=0.8, share=0.5)(np.zeros(100, np.float32)).any()


@pytest.mark.parametrize(("clip", "best"), [(0, 1), (1, 0), (2, 0)])
def test_what_is_best_on_a_clip_itself_does_not_count(clip, best):
    assert chosen_on_others([[0.9, 0.1], [0.1, 0.5], [0.4, 0.5]], clip) == best
