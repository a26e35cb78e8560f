from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.service.cuts import cut

RATE = Fraction(25)


def test_a_short_video_is_one_segment():
    assert cut(250, RATE, [(4.0, 6.0)], 10) == [(0, 250)]


def test_even_cuts_where_nobody_pauses():
    assert cut(1000, RATE, [], 10) == [(0, 250), (250, 500), (500, 750), (750, 1000)]


def test_a_cut_goes_to_the_nearest_pause():
    # Even: second 10. The first pause ends at 9.1 s, the second begins at 11.4 s.
    assert cut(500, RATE, [(8.0, 9.1), (11.4, 12.0)], 10) == [(0, 225), (225, 500)]


def test_a_pause_around_the_even_cut_leaves_it_where_it_is():
    assert cut(500, RATE, [(9.0, 11.0)], 10) == [(0, 250), (250, 500)]


def test_a_pause_too_far_away_or_too_short_does_not_count():
    assert cut(500, RATE, [(2.0, 3.0), (10.1, 10.25)], 10) == [(0, 250), (250, 500)]


@given(
    frames=st.integers(1, 20_000),
    rate=st.sampled_from([Fraction(25), Fraction(30), Fraction(24), Fraction(30000, 1001)]),
    seconds=st.floats(1, 120),
    edges=st.lists(st.floats(0, 700), max_size=40),
)
def test_segments_cover_the_video_once_in_order(frames, rate, seconds, edges):
    ordered = sorted(edges)
    pauses = list(zip(ordered[::2], ordered[1::2], strict=False))
    segments = cut(frames, rate, pauses, seconds)
    assert [first for first, _ in segments] == [0, *(end for _, end in segments[:-1])]
    assert segments[-1][1] == frames
    assert all(first < end for first, end in segments)
    assert max(end - first for first, end in segments) <= 1.5 * seconds * float(rate) + 2


@pytest.mark.parametrize("seconds", [0.5, 3])
def test_a_pause_at_the_very_end_makes_no_empty_segment(seconds):
    assert all(first < end for first, end in cut(30, RATE, [(1.15, 1.2), (0.0, 0.3)], seconds))
