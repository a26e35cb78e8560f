"""The models that callers may name, and the engines behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from spark_avatar.errors import UnknownModel

if TYPE_CHECKING:
    from spark_avatar.engines.registry import EngineRegistry

PICTURE_OMNI = "spark_avatar_picture_omni_v2"


@dataclass(frozen=True)
class Model:
    """One model of the service."""

    id: str
    engine: str
    """Name of the engine that runs it."""
    name: str
    """As people read it."""
    description: str
    type: str = "video"
    input_modalities: tuple[str, ...] = ("image", "audio")
    output_modalities: tuple[str, ...] = ("video",)


def picture_omni(engine: str) -> Model:
    """The talking portrait, run by the named engine."""
    return Model(
        id=PICTURE_OMNI,
        engine=engine,
        name="Spark Avatar Picture Omni v2",
        description="A digital human: one portrait and one recording in, one lip-synced talking video out.",
    )


class ModelCatalog:
    """Looks models up. Light: reading options does not load an engine."""

    def __init__(self, models: Sequence[Model], engines: EngineRegistry) -> None:
        self._models = {model.id: model for model in models}
        self._engines = engines

    def all(self) -> tuple[Model, ...]:
        """Every model, in the order given."""
        return tuple(self._models.values())

    def get(self, model_id: str) -> Model:
        """The model; raises `UnknownModel`."""
        model = self._models.get(model_id)
        if model is None:
            known = ", ".join(self._models)
            raise UnknownModel(f"there is no model {model_id[:80]!r}; the models are: {known}")
        return model

    def options(self, model: Model) -> type[BaseModel]:
        """The model's parameters beside `image_url`, `audio_url` and `seed`."""
        return self._engines.options(model.engine)
