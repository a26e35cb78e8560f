"""Long sounds, and what is made of them, block by block: memory is that of a block, whatever the length of the recording."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from spark_avatar.media.arrays import FloatArray

Blocks = Callable[[], Iterable[FloatArray]]
"""Gives the blocks of something from its beginning, each time it is called: (n,) samples or (n, k) frames, n of any size."""


def overlapping(blocks: Iterable[FloatArray], size: int, margin: int) -> Iterator[tuple[int, FloatArray]]:
    """All blocks as one, cut into stretches of `size` steps, the last one shorter, each with up to `margin` steps around it.

    Gives (before, stretch) where `before` is how many steps of the margin there are in front: fewer than `margin` at the
    beginning, as there are behind at the end. What comes out does not depend on how the blocks are cut.
    """
    waiting: list[FloatArray] = []
    length = before = 0
    for block in blocks:
        waiting.append(block)
        length += len(block)
        if length < before + size + margin:
            continue
        held = _joined(waiting)
        while len(held) >= before + size + margin:
            yield before, held[: before + size + margin]
            held, before = _passed(held, before + size, margin)
        waiting, length = [held], len(held)
    if not waiting:
        return
    held = _joined(waiting)
    while len(held) > before:
        yield before, held[: before + size + margin]
        held, before = _passed(held, before + size, margin)


def kept(blocks: Blocks) -> Blocks:
    """The same, made once and remembered: for what is short."""
    made = tuple(blocks())
    return lambda: made


def _joined(waiting: list[FloatArray]) -> FloatArray:
    """Without a copy of what came in one piece, perhaps a whole recording."""
    return waiting[0] if len(waiting) == 1 else np.concatenate(waiting)


def _passed(held: FloatArray, passed: int, margin: int) -> tuple[FloatArray, int]:
    """What is left once `passed` steps are done with, and how many of it lie before the next stretch."""
    before = min(margin, passed)
    return held[passed - before :], before
