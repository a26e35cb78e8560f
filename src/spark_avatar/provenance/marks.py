"""What the frames of one video carry: a watermark that nobody sees, and a label that everybody does."""

import functools
from pathlib import Path

from spark_avatar.media.arrays import Box, RGBAImage, RGBImage
from spark_avatar.media.caption import Caption
from spark_avatar.provenance.watermark import WatermarkPattern


class VideoMarks:
    """The marks of one video, drawn on its frames as they are written."""

    def __init__(self, identity: int | None, label: Caption | None, *, always: bool) -> None:
        """`identity` are the watermark's 64 bits, None for no watermark; with `always` a finished video of another engine is
        encoded anew for it. For a label it is in any case.
        """
        self._new_pattern = functools.partial(WatermarkPattern, identity) if identity is not None else None
        self._label = label
        self._always = always
        self.restart()

    @property
    def worth_encoding(self) -> bool:
        """Whether a video that is already encoded is encoded anew."""
        return self._label is not None or (self._always and self._new_pattern is not None)

    @property
    def drawn(self) -> bool:
        """Whether there were frames to draw on."""
        return self._size is not None

    @property
    def labelled(self) -> bool:
        """Whether the frames so far carry the label."""
        return self.drawn and self._label is not None

    @property
    def watermarked(self) -> bool:
        """Whether the frames so far carry the watermark."""
        return self._watermarked

    def restart(self) -> None:
        """The next frame is the first one of a video."""
        self._pattern = self._new_pattern() if self._new_pattern is not None else None
        self._size: tuple[int, int] | None = None
        self._watermarked = False

    def draw(self, frame: RGBImage | RGBAImage) -> None:
        """Draws on a frame in place, the watermark over the label, so that nothing hides it."""
        height, width = frame.shape[:2]
        self._size = width, height
        if self._label is not None:
            self._label.draw(frame)
        if self._pattern is not None:
            self._watermarked = self._pattern.draw(frame)

    def draw_part(self, part: RGBImage | RGBAImage, box: Box) -> None:
        """The same on the pixels of a box of a later frame."""
        if self._size is None:
            raise ValueError("the first frame of a video is marked whole")
        if self._label is not None:
            self._label.draw_part(part, box, self._size)
        if self._pattern is not None:
            self._pattern.draw_part(part, box)


@functools.lru_cache(maxsize=4)
def caption(text: str, font: Path | None) -> Caption:
    """The label, checked once. Raises `ConfigurationError`."""
    return Caption(text, font)
