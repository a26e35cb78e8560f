"""The drawn rows of teeth."""

import numpy as np
import pytest

from spark_avatar.engines.portrait.mouth_colours import MouthColours
from spark_avatar.engines.portrait.picture_traits import luma
from spark_avatar.engines.portrait.teeth import LOWER_ARCH, UPPER_ARCH, ToothVariation, draw_arch

PIXEL = 0.1  # mm
ACROSS, DOWN = np.meshgrid(np.arange(-28, 28, PIXEL, dtype=np.float32), np.arange(-8, 8, PIXEL, dtype=np.float32))


def colours():
    names = ("skin", "lip", "tooth", "gum", "tongue", "cavity")
    values = ((200, 160, 140), (180, 90, 90), (225, 218, 205), (150, 80, 78), (170, 92, 92), (44, 19, 18))
    return MouthColours(**{name: np.array(value, np.float32) for name, value in zip(names, values, strict=True)}, moustache=0.0)


def alike():
    """A row without anybody's irregularities."""
    same, nothing = np.ones((2, 7), np.float32), np.zeros((2, 7), np.float32)
    return ToothVariation(width=same, edge=nothing, slope=nothing, tint=nothing, seam=same, midline=0.0)


def lowest(coverage):
    """Millimetres below the middle of the edge at which each column's enamel ends."""
    return DOWN[:, 0][coverage.shape[0] - 1 - np.argmax(coverage[::-1] > 0.5, axis=0)]


@pytest.fixture(scope="module")
def upper():
    return draw_arch(UPPER_ARCH, alike(), ACROSS, DOWN, 0.0, colours())


def column(millimetres):
    return int(np.argmin(np.abs(ACROSS[0] - millimetres)))


def test_an_incisor_is_rounder_at_its_outer_corner(upper):
    ends = lowest(upper[1])
    inner, middle, outer = (ends[column(x)] for x in (0.3, 4.2, 8.0))
    assert outer < inner - 0.2 < middle


def test_a_canine_ends_in_a_point(upper):
    ends = lowest(upper[1])
    canine = ends[column(14.8) : column(20.3)]
    tip = int(np.argmax(canine))
    assert 0.2 * len(canine) < tip < 0.8 * len(canine)
    assert min(canine[tip] - canine[3], canine[tip] - canine[-4]) > 0.4


def test_the_line_between_teeth_is_darker_and_not_black(upper):
    row = luma(upper[0])[int(np.argmin(np.abs(DOWN[:, 0] + 5)))]
    assert 0.7 < row[column(0.0)] / row[column(2.5)] < 0.9


def test_no_gum_is_seen_between_teeth_that_a_portrait_shows(upper):
    def gum(arch):
        shown = draw_arch(arch, alike(), ACROSS, DOWN, 0.0, colours())[0]
        front = shown[(DOWN < 0) & (np.abs(ACROSS) < 14)]
        return float((front[:, 1] / front[:, 0] < 0.7).mean())

    assert gum(UPPER_ARCH) > 0.001
    assert gum(UPPER_ARCH.without_gum(8.0)) == 0
    assert UPPER_ARCH.without_gum(6.0) == UPPER_ARCH


def test_nobody_has_two_equal_sides():
    drawn = draw_arch(UPPER_ARCH, ToothVariation.draw(np.random.default_rng(3)), ACROSS, DOWN, 0.0, colours())[1]
    assert np.abs(lowest(drawn) - lowest(drawn)[::-1])[column(-15) : column(15)].max() > 0.15


def test_the_lower_row_stands_up_from_its_gum():
    coverage = draw_arch(LOWER_ARCH, alike(), ACROSS, DOWN, 0.0, colours())[1]
    middle = coverage[:, column(2.5)]
    assert middle[0] == 0
    assert middle[-1] == 1
