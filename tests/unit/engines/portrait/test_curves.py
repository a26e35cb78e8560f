"""Curves through landmarks."""

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from spark_avatar.engines.portrait.curves import curve_through


@pytest.mark.parametrize("seed", range(20))
def test_the_curve_is_the_monotone_cubic(seed):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.4, 3, size=int(rng.integers(2, 12))))
    points = np.stack([x, np.round(rng.normal(size=len(x)), 1)], axis=1)
    at = np.linspace(x[0], x[-1], 97)
    np.testing.assert_allclose(curve_through(rng.permutation(points), at), PchipInterpolator(*points.T)(at), atol=1e-9)


def test_it_is_level_beyond_its_ends_and_leaves_crowded_points_out():
    points = np.array([[0.0, 1.0], [0.1, 50.0], [2.0, 3.0]])
    np.testing.assert_allclose(curve_through(points, np.array([-5.0, 1.0, 9.0])), [1.0, 2.0, 3.0])
