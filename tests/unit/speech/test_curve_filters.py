"""They do what SciPy's do."""

import numpy as np
import pytest
from scipy import ndimage

from spark_avatar.speech import curve_filters

CURVES = [np.random.default_rng(seed).normal(size=length) for seed, length in enumerate((1, 2, 7, 100, 1000))]


@pytest.mark.parametrize("curve", CURVES, ids=len)
@pytest.mark.parametrize("sigma", [0.3, 2.0, 37.5])
@pytest.mark.parametrize(("edge", "mode"), [("edge", "nearest"), ("symmetric", "reflect")])
def test_gaussian(curve, sigma, edge, mode):
    wanted = ndimage.gaussian_filter1d(curve, sigma, mode=mode)
    np.testing.assert_allclose(curve_filters.gaussian(curve, sigma, edge), wanted, atol=1e-12)


@pytest.mark.parametrize("curve", CURVES, ids=len)
@pytest.mark.parametrize("size", [1, 2, 5, 8, 31])
def test_mean_maximum_and_median(curve, size):
    np.testing.assert_allclose(curve_filters.mean(curve, size), ndimage.uniform_filter1d(curve, size), atol=1e-12)
    assert (curve_filters.maximum(curve, size) == ndimage.maximum_filter1d(curve, size)).all()
    assert (curve_filters.maximum(curve > 0, size) == ndimage.maximum_filter1d(curve > 0, size)).all()
    if size % 2:
        assert (curve_filters.median(curve, size) == ndimage.median_filter(curve, size, mode="nearest")).all()


@pytest.mark.parametrize("curve", CURVES, ids=len)
@pytest.mark.parametrize("level", [-9, 0, 9])
def test_stretches(curve, level):
    numbers, count = curve_filters.stretches(curve > level)
    wanted, wanted_count = ndimage.label(curve > level)
    assert (numbers == wanted).all()
    assert count == wanted_count
