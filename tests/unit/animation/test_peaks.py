"""Peaks of curves, against SciPy's."""

import numpy as np
import pytest
from scipy.signal import find_peaks as scipy_peaks

from spark_avatar.animation.peaks import find_peaks


@pytest.mark.parametrize("seed", range(20))
def test_peaks_are_those_that_scipy_finds(seed):
    rng = np.random.default_rng(seed)
    smooth = np.convolve(rng.normal(size=400), np.hanning(9), mode="same")
    for curve in (smooth, np.round(np.clip(smooth, -1, 1), 1)):  # the second has level tops
        for options in ({}, {"height": 0.5}, {"distance": 7}, {"height": -0.2, "distance": 15}):
            if "distance" in options and curve is not smooth:
                continue  # between equally high peaks the choice is free
            assert find_peaks(curve, **options).tolist() == scipy_peaks(curve, **options)[0].tolist()


def test_the_middle_of_a_level_top_is_the_peak_and_ends_are_none():
    assert find_peaks(np.array([5.0, 0, 1, 1, 1, 0, 3])).tolist() == [3]
    assert find_peaks(np.zeros(8)).tolist() == []
