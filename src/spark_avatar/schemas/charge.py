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
    """What is charged of the full price: 0.85 is 15 % off."""
    unit_price: str
    """For a second of video."""
    compute_unit_price: str
    seconds: float
    """Length of the recording that `cost` is for."""
    seconds_known: bool
    """Whether that is the recording's length, or what is assumed of one that nobody has fetched yet."""
    lowest_cost: str
    """No less is charged; for a recording of any length where its length is not known."""
    highest_cost: str
    """No more is charged, likewise."""


class ChargeAnswer(BaseModel):
    """The envelope of the precharge call."""

    model_config = ConfigDict(frozen=True)

    status: Literal["success"] = "success"
    data: ChargeView
