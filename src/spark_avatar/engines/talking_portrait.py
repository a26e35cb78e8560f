"""Parameters of a talking portrait: those of the built-in engine, and what is passed on to another server of our contract.
Light to import: the API process reads them without loading an engine.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TalkingPortraitOptions(BaseModel):
    """What a job may set; the defaults give the best result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fps: Literal[24, 25, 30, 50, 60] = Field(default=25, description="Frames per second of the video.")
    resolution: Literal["source", "360p", "480p", "720p", "1080p", "1440p", "2160p"] = Field(
        default="source",
        description="Length of the video's shorter side; `source` keeps the portrait's own size.",
    )
    crop: Literal["none", "face"] = Field(
        default="none", description="`face` cuts the portrait to a square around the face; `none` keeps all of it."
    )
    background: str = Field(
        default="keep",
        pattern="^(keep|#[0-9a-fA-F]{6})$",
        examples=["keep", "#00B140"],
        description="`keep`, or a colour like `#00B140` that replaces what is behind the person.",
    )
    expressiveness: float = Field(
        default=1.0,
        ge=0,
        le=2,
        description="Strength of brows, smile, nods and emotion: 0 leaves them out, 1 is natural. The mouth moves 0.85 times as "
        "much at 0 and 1.15 times at 2; blinks and looks stay.",
    )
    head_motion: float = Field(
        default=1.0, ge=0, le=2, description="Strength of the head's movement: 0 holds it still, 1 is natural."
    )
    emotion: Literal["auto", "neutral", "happy", "sad", "angry", "surprised", "calm"] = Field(
        default="auto", description="Expression over the whole video; `auto` takes a trace of it from the voice."
    )
    transcript: str = Field(
        default="", max_length=20_000, description="What is said, where it is known: sharpens the closing of the lips."
    )
