"""Fields from points, and the inversion of fields."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spark_avatar.engines.portrait.thin_plate import ThinPlateSpline
from spark_avatar.engines.portrait.warp import Inverter, Lattice, determinant

LATTICE = Lattice(-4, -4, 60, 50, 4)


def residual(field, positions, lattice):
    """Pixels by which positions that were found miss their node."""
    nodes = lattice.indices()
    moved = cv2.remap(field, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.linalg.norm((positions - nodes) * lattice.step + moved, axis=2)


def bump(lattice, centre, radius, push):
    """A smooth field that moves the surroundings of a place."""
    x, y = lattice.nodes()
    share = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * radius**2)).astype(np.float32)
    return np.dstack([share * np.float32(push[0]), share * np.float32(push[1])])


def test_no_motion_inverts_to_exactly_no_motion():
    still = np.zeros((LATTICE.rows, LATTICE.columns, 2), np.float32)
    assert (Inverter(LATTICE, 12)(still) == LATTICE.indices()).all()


def test_a_shift_inverts_to_the_opposite_shift():
    field = np.full((LATTICE.rows, LATTICE.columns, 2), 5.0, np.float32)
    inverted = Inverter(LATTICE, 12)(field)
    np.testing.assert_allclose((inverted - LATTICE.indices()) * LATTICE.step, -5.0, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(
    x=st.floats(60, 160), y=st.floats(60, 140), radius=st.floats(14, 40), angle=st.floats(0, 6.28), stretch=st.floats(0.05, 0.8)
)
def test_what_the_inverse_gives_leads_back(x, y, radius, angle, stretch):
    # The steepest slope of a bump is its height over e^0.5 radii: below 1 it doesn't fold.
    height = stretch * radius * np.exp(0.5)
    field = bump(LATTICE, (x, y), radius, (height * np.cos(angle), height * np.sin(angle)))
    missed = residual(field, Inverter(LATTICE, 12)(field), LATTICE)
    assert np.quantile(missed, 0.99) < 0.15
    assert missed.max() < 0.6


@settings(max_examples=30, deadline=None)
@given(x=st.floats(60, 160), y=st.floats(60, 140), radius=st.floats(14, 20), angle=st.floats(0, 6.28))
@example(x=137.08517349296557, y=98.28449003998074, radius=14.0, angle=2.358111940380804)
@example(x=112.61680305016216, y=97.1500326315253, radius=15.3352000326331, angle=4.750613453058358)
def test_steep_fields_leave_no_node_behind(x, y, radius, angle):
    # Undamped, single nodes leap to and fro here and end 8 pixels off: specks at the lips.
    height = 0.8 * radius * np.exp(0.5)
    field = bump(LATTICE, (x, y), radius, (height * np.cos(angle), height * np.sin(angle)))
    assert residual(field, Inverter(LATTICE, 12)(field), LATTICE).max() < 0.6


def test_stretched_lips_are_where_fixed_point_iteration_fails():
    # A slit torn open: the field jumps from 0 to 40 pixels within 24, as below an opened mouth.
    x, y = LATTICE.nodes()
    opening = 40 / (1 + np.exp(-(y - 100) / 6)) * np.exp(-(((x - 110) / 50) ** 2)) * np.exp(-np.maximum(y - 110, 0) / 70)
    field = np.dstack([np.zeros_like(opening), opening]).astype(np.float32)
    assert determinant(field, LATTICE.step).min() > 0.2
    positions = LATTICE.indices()
    for _ in range(12):
        moved = cv2.remap(field, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        positions = LATTICE.indices() - moved / LATTICE.step
    assert residual(field, positions, LATTICE).max() > 2
    assert residual(field, Inverter(LATTICE, 12)(field), LATTICE).max() < 0.35


def test_determinant_of_a_scaling_and_of_a_fold():
    x, y = LATTICE.nodes()
    scaled = np.dstack([0.5 * x, 0.2 * y]).astype(np.float32)
    np.testing.assert_allclose(determinant(scaled, LATTICE.step)[1:-1, 1:-1], 1.5 * 1.2, rtol=1e-4)
    folded = np.dstack([-1.5 * x, 0 * y]).astype(np.float32)
    assert determinant(folded, LATTICE.step)[5, 5] == pytest.approx(-0.5, abs=1e-4)


def test_lattice_covers_its_box_and_enlarges_linearly():
    lattice = Lattice.covering((13, 7, 101, 66), 5)
    x, y = lattice.nodes()
    assert x.min() < 13
    assert x.max() > 101
    assert y.min() < 7
    assert y.max() > 66
    full = lattice.enlarged(np.dstack([x, y]), (13, 7, 101, 66))
    columns, rows = np.meshgrid(np.arange(13, 101), np.arange(7, 66))
    np.testing.assert_allclose(full, np.dstack([columns, rows]), atol=1e-3)


def test_spline_goes_through_its_points_and_keeps_planes():
    random = np.random.default_rng(3)
    points = random.uniform(-2, 2, (60, 2))
    values = np.stack([random.normal(size=60), 0.3 + points @ [0.5, -2.0]], axis=1)
    spline = ThinPlateSpline(points, values, 0.0)
    np.testing.assert_allclose(spline(points.astype(np.float32)), values, atol=1e-2)
    elsewhere = random.uniform(-3, 3, (5000, 2)).astype(np.float32)
    np.testing.assert_allclose(spline(elsewhere)[:, 1], 0.3 + elsewhere @ [0.5, -2.0], atol=2e-3)


def test_smoothing_of_one_point_lets_go_of_that_point_only():
    random = np.random.default_rng(4)
    points = random.uniform(-1, 1, (40, 2))
    values = np.zeros((40, 1))
    values[7] = 1.0
    smoothing = np.zeros(40)
    smoothing[7] = 10.0
    fitted = ThinPlateSpline(points, values, smoothing)(points.astype(np.float32))[:, 0]
    assert abs(fitted[7]) < 0.1
    assert np.abs(np.delete(fitted, 7)).max() < 0.01
