"""The answer of the precharge call: what a generation would cost."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class ChargeView(BaseModel):
    """Money as plain decimals in text."""

    model_config = ConfigDict(frozen=True)

    model: str
    cost: str
    currency: str
    discount: float
    unit_price: str
    """For a second of video."""


class ChargeAnswer(BaseModel):
    """The envelope of the precharge call."""

    model_config = ConfigDict(frozen=True)

    status: Literal["success"] = "success"
    data: ChargeView
