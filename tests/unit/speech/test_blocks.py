import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.speech.blocks import kept, overlapping


@given(sizes=st.lists(st.integers(0, 40), max_size=12), size=st.integers(1, 30), margin=st.integers(0, 40))
def test_stretches_overlap_and_cover_everything_however_the_blocks_are_cut(sizes, size, margin):
    whole = np.arange(sum(sizes), dtype=np.float32)
    stretches = list(overlapping(np.split(whole, np.cumsum(sizes)), size, margin))
    assert len(stretches) == -(-len(whole) // size)
    for number, (before, stretch) in enumerate(stretches):
        first = number * size
        assert before == min(margin, first)
        np.testing.assert_array_equal(stretch, whole[first - before : first + size + margin])


def test_no_blocks_have_no_stretches():
    assert list(overlapping((), 10, 2)) == []


def test_blocks_are_taken_only_as_far_as_they_are_needed():
    taken = []
    blocks = (taken.append(n) or np.zeros((10, 2), np.float32) for n in range(100))
    _, first = next(overlapping(blocks, 20, 5))
    assert first.shape == (25, 2)
    assert len(taken) == 3


def test_what_is_kept_is_made_once():
    made = []
    blocks = kept(lambda: (made.append(n) or np.full(3, n, np.float32) for n in range(2)))
    assert [block[0] for block in blocks()] == [block[0] for block in blocks()] == [0, 1]
    assert len(made) == 2


def test_one_long_block_is_not_copied():
    samples = np.zeros(1000, np.float32)
    assert all(np.shares_memory(samples, stretch) for _, stretch in overlapping((samples,), 100, 10))


@pytest.mark.parametrize("size", [7, 160, 4096])
def test_a_margin_wider_than_the_stretches(size):
    whole = np.arange(10_000, dtype=np.float32)
    for number, (before, stretch) in enumerate(overlapping(np.split(whole, range(33, 10_000, 33)), size, 5000)):
        assert stretch[before] == number * size
