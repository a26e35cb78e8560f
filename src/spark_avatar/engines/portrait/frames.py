"""The frames of an animation: a generator, so that memory is flat for any length."""

import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Final

from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.portrait.compositor import Compositor
from spark_avatar.engines.portrait.controls import FramePose, poses
from spark_avatar.engines.portrait.portrait_rig import PortraitRig
from spark_avatar.media.arrays import Box, RGBAImage, RGBImage

MOST_THREADS: Final = 2
PROCESSORS_PER_THREAD: Final = 2
"""A small frame is many short calls, between which threads wait for the interpreter's lock: a second compositor on two
processors, where the encoder keeps the other one busy, took half as much processor time again and was slower."""
LARGE_WINDOW: Final = 700_000
"""Pixels from which on the calls are long enough: there a processor for each thread was 7 to 15 % faster."""
LOOK_AHEAD: Final = 2
"""Frames per thread that may wait to be taken."""


def frames(rig: PortraitRig, track: AnimationTrack, threads: int | None = None) -> Generator[RGBImage | RGBAImage, None, None]:
    """The portrait following a track, frame by frame, each (height, width, 3), or (height, width, 4) in a transparent video.

    A frame is drawn over once the next one is taken: keep a copy. Fresh memory for every frame is slow (at 2160p it took as
    long as drawing), and what never moves need not be drawn again.

    `threads` draw at once, by default one for every two processors, of large faces one for each, at most two; the frames are
    the same for any number.
    """
    count = threads or default_threads(rig.canvas.window, os.cpu_count() or 1)
    idle: SimpleQueue[Compositor] = SimpleQueue()
    for _ in range(count):
        idle.put(Compositor(rig))
    seen: SimpleQueue[RGBImage | RGBAImage] = SimpleQueue()

    def draw(pose: FramePose) -> RGBImage | RGBAImage:
        compositor = idle.get()
        try:
            return compositor.frame(pose, _next(seen))
        finally:
            idle.put(compositor)

    waiting: deque[Future[RGBImage | RGBAImage]] = deque()
    pool = ThreadPoolExecutor(count, thread_name_prefix="compositor")
    try:
        for pose in poses(track):
            waiting.append(pool.submit(draw, pose))
            if len(waiting) > LOOK_AHEAD * count:
                yield (frame := waiting.popleft().result())
                seen.put(frame)
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def default_threads(window: Box, processors: int) -> int:
    """How many compositors are worth their processor time."""
    x0, y0, x1, y1 = window
    large = (x1 - x0) * (y1 - y0) >= LARGE_WINDOW
    return max(1, min(MOST_THREADS, processors // (1 if large else PROCESSORS_PER_THREAD)))


def _next(seen: SimpleQueue[RGBImage | RGBAImage]) -> RGBImage | RGBAImage | None:
    """A frame that may be drawn over, if there is one."""
    try:
        return seen.get_nowait()
    except Empty:
        return None
