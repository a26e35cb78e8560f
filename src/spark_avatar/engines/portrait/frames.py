"""The frames of an animation: a generator, so that memory is flat for any length."""

import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final

from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.portrait.compositor import Compositor
from spark_avatar.engines.portrait.controls import FramePose, poses
from spark_avatar.engines.portrait.portrait_rig import PortraitRig
from spark_avatar.media.arrays import RGBImage

MOST_THREADS: Final = 2
"""Compositors that draw at once; OpenCV and NumPy work without the interpreter's lock. The encoder needs cores too."""
LOOK_AHEAD: Final = 2
"""Frames per thread that may wait to be taken."""


def frames(rig: PortraitRig, track: AnimationTrack, threads: int | None = None) -> Generator[RGBImage, None, None]:
    """The portrait following a track, frame by frame, each (height, width, 3) and new.

    `threads` draw at once, by default as many as there are processors, at most two; the frames are the same for any number.
    """
    count = threads or min(MOST_THREADS, os.cpu_count() or 1)
    idle: SimpleQueue[Compositor] = SimpleQueue()
    for _ in range(count):
        idle.put(Compositor(rig))

    def draw(pose: FramePose) -> RGBImage:
        compositor = idle.get()
        try:
            return compositor.frame(pose)
        finally:
            idle.put(compositor)

    waiting: deque[Future[RGBImage]] = deque()
    pool = ThreadPoolExecutor(count, thread_name_prefix="compositor")
    try:
        for pose in poses(track):
            waiting.append(pool.submit(draw, pose))
            if len(waiting) > LOOK_AHEAD * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
