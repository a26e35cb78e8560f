"""Error bodies of the HTTP layer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class ErrorDetail(BaseModel):
    """`message` and `error_message` are the same text, since clients read one or the other."""

    model_config = ConfigDict(frozen=True)

    code: str
    """A code of the contract, or a word."""
    message: str
    error_message: str


class ErrorBody(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(frozen=True)

    message: str
    error: ErrorDetail
    request_id: str


class SyncTimeoutBody(ErrorBody):
    """The synchronous call's 504: the task goes on and can be polled by its id."""

    id: str
    status: Literal["in_progress"] = "in_progress"


class ProblemBody(BaseModel):
    """Problem details (RFC 9457), for callers that ask for `application/problem+json`."""

    model_config = ConfigDict(frozen=True)

    type: Literal["about:blank"] = "about:blank"
    title: str
    """The HTTP status in words."""
    status: int
    detail: str
    code: str
    request_id: str
