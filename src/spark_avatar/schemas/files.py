"""The answer to an upload."""

from pydantic import BaseModel, ConfigDict


class UploadedFile(BaseModel):
    """Where an uploaded file can be reached: `image_url` and `audio_url` accept `url`."""

    model_config = ConfigDict(frozen=True)

    url: str
    key: str
    size: int
    """Bytes."""
    content_type: str
    """As recognised from the bytes."""


class UploadAnswer(BaseModel):
    """Some clients read `url`, others `data.url`."""

    model_config = ConfigDict(frozen=True)

    url: str
    data: UploadedFile
