"""What owners see of their webhooks."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")


class DeliveryView(BaseModel):
    """One delivery. Absent members are left out."""

    model_config = _WIRE

    task_id: str
    url: str
    state: Literal["waiting", "delivered", "given_up"]
    """`waiting` for the end of the task, or for the next attempt."""
    attempts: int
    created_at: int
    """Unix seconds, as the others."""
    next_at: int | None = None
    delivered_at: int | None = None
    last_status: int | None = None
    last_error: str | None = None


class DeliveryList(BaseModel):
    """The account's deliveries, newest first."""

    model_config = _WIRE

    deliveries: tuple[DeliveryView, ...]


class WebhookSecret(BaseModel):
    """What receivers verify signatures with."""

    model_config = _WIRE

    secret: str
