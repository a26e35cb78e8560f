"""Parameters of the portrait engine. Light to import."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from spark_avatar.engines.talking_portrait import TalkingPortraitOptions
from spark_avatar.media.video_format import FORMATS, MP4, WEBM, VideoFormat

TRANSPARENT: Final = "transparent"


class Options(TalkingPortraitOptions):
    """What a job of the portrait engine may set; the defaults give the best result."""

    background: str = Field(
        default="keep",
        pattern="^(keep|transparent|#[0-9a-fA-F]{6}|(https?://|data:)\\S+)$",
        examples=["keep", "transparent", "#00B140", "https://example.com/room.jpg"],
        description="What is behind the person: `keep` for what the portrait shows, `transparent`, a colour like `#00B140`, or "
        "the http(s) address or data: URL of a picture, which is scaled to cover the frame.",
    )
    format: Literal["auto", "mp4", "webm", "mov"] = Field(
        default="auto",
        description="`mp4` (H.264) plays everywhere; `webm` (VP9) and `mov` (ProRes 4444, for editors) can be transparent; "
        "`auto` is `webm` where the background is transparent, else `mp4`.",
    )

    @model_validator(mode="after")
    def _can_be_transparent(self) -> Self:
        if self.background == TRANSPARENT and self.video_format.alpha_pixels is None:
            raise PydanticCustomError("no_transparency", "a transparent `background` needs the `format` webm or mov, not mp4")
        return self

    @property
    def video_format(self) -> VideoFormat:
        """The file that is written."""
        if self.format == "auto":
            return WEBM if self.background == TRANSPARENT else MP4
        return FORMATS[self.format]

    @property
    def background_url(self) -> str | None:
        """Where the picture behind the person comes from, if there is one."""
        return self.background if self.background.startswith(("http:", "https:", "data:")) else None
