"""The end of a workspace."""

from pydantic import BaseModel, ConfigDict


class ErasureBody(BaseModel):
    """What an owner must say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confirm: str
    """The workspace's id."""


class ErasureView(BaseModel):
    """What went."""

    model_config = ConfigDict(frozen=True)

    tasks: int
    files: int
    users: int
    """Those who belonged to no other workspace."""
