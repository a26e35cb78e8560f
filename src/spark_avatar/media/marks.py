"""What every frame of a video may carry."""

from typing import Protocol

from spark_avatar.media.arrays import Box, RGBAImage, RGBImage


class FrameMark(Protocol):
    """A mark on the frames of one video."""

    @property
    def worth_encoding(self) -> bool:
        """Whether a video that is already encoded is encoded anew to carry it."""
        ...

    def restart(self) -> None:
        """The next frame is the first one of a video; what was drawn on before is not handed out."""

    def draw(self, frame: RGBImage | RGBAImage) -> None:
        """Draws on a frame, (height, width, 3 or 4), in place. Frames of one video come in order and have one size, and the mark
        is the same on all of them: what stands still stays still.
        """

    def draw_part(self, part: RGBImage | RGBAImage, box: Box) -> None:
        """Draws what falls into a box of a later frame, onto the pixels of that box."""


class ContinuedMark:
    """The mark of a video, for a part of it that is written into a file of its own: fitted to the video's first frame, not to the
    part's.
    """

    def __init__(self, mark: FrameMark, first_frame: RGBImage) -> None:
        self._mark = mark
        self._first_frame = first_frame

    @property
    def worth_encoding(self) -> bool:
        """As of the video's mark."""
        return self._mark.worth_encoding

    def restart(self) -> None:
        """The next frame is the first one of the part."""
        self._mark.restart()
        self._mark.draw(self._first_frame.copy())

    def draw(self, frame: RGBImage | RGBAImage) -> None:
        """Draws on a frame in place."""
        self._mark.draw(frame)

    def draw_part(self, part: RGBImage | RGBAImage, box: Box) -> None:
        """Draws on a part of a frame in place."""
        self._mark.draw_part(part, box)
