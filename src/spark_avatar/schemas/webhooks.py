"""What owners see of their webhooks."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_READ = ConfigDict(frozen=True, extra="forbid")
_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")


class DeliveryView(BaseModel):
    """One message to one address. Absent members are left out."""

    model_config = _WIRE

    id: str
    """The `webhook-id` of every attempt."""
    endpoint_id: str | None = None
    """Absent for the address that a request named itself."""
    task_id: str | None = None
    """Absent for a test."""
    event: str
    url: str
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    created_at: int
    """Unix seconds, as the others."""
    next_at: int | None = None
    delivered_at: int | None = None
    last_status: int | None = None
    last_error: str | None = None


class DeliveryList(BaseModel):
    """Deliveries, newest first."""

    model_config = _WIRE

    deliveries: tuple[DeliveryView, ...]


class AttemptView(BaseModel):
    """One try to deliver."""

    model_config = _WIRE

    number: int
    at: int
    status: int | None = None
    error: str | None = None
    milliseconds: int


class DeliveryDetails(BaseModel):
    """A delivery with all its attempts."""

    model_config = _WIRE

    delivery: DeliveryView
    attempts: tuple[AttemptView, ...]


class EndpointBody(BaseModel):
    """A new endpoint."""

    model_config = _READ

    url: str
    events: tuple[str, ...] | None = None
    """By default all."""
    description: str = ""


class EndpointChange(BaseModel):
    """What is to change; what is absent stays."""

    model_config = _READ

    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    enabled: bool | None = None


class RotationBody(BaseModel):
    """How the secret changes."""

    model_config = _READ

    grace_seconds: int = Field(default=24 * 3600, ge=0, le=7 * 24 * 3600)
    """How long the secret before signs too."""


class EndpointView(BaseModel):
    """An endpoint; its secret is asked for separately."""

    model_config = _WIRE

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    enabled: bool
    disabled_because: Literal["owner", "failing", "gone"] | None = None
    disabled_at: int | None = None
    failing_since: int | None = None
    """The first failed attempt since the last one that went well."""
    created_at: int
    previous_secret_until: int | None = None
    """While both secrets sign."""


class EndpointList(BaseModel):
    """An account's endpoints, the oldest first."""

    model_config = _WIRE

    endpoints: tuple[EndpointView, ...]


class EndpointMade(EndpointView):
    """A new endpoint, or one whose secret is new, with the secret."""

    secret: str


class WebhookSecret(BaseModel):
    """What receivers verify signatures with."""

    model_config = _WIRE

    secret: str
