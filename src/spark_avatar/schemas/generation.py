"""What a caller asks for, whichever of the accepted bodies it came in."""

from pydantic import BaseModel, ConfigDict


class GenerationRequest(BaseModel):
    """One generation: a model and its parameters, unchecked beyond their shape."""

    model_config = ConfigDict(frozen=True)

    model: str
    params: dict[str, object]
    """`image_url`, `audio_url` and any option of the model, as sent."""
    ignored: tuple[str, ...] = ()
    """Top-level members that this server does not know."""
