"""The id of a request: the caller's own where it is sane, else a new one."""

import re
import uuid

from starlette.requests import Request

_SANE = re.compile(r"[!-~]{1,128}")
"""Visible ASCII, bounded: it goes into headers, logs and the task's record."""


def choose_request_id(sent: str | None) -> str:
    """`sent`, if it can be carried on safely; otherwise a random one."""
    return sent if sent and _SANE.fullmatch(sent) else uuid.uuid4().hex


def request_id_of(request: Request) -> str:
    """The id that the middleware gave to this request."""
    return str(getattr(request.state, "request_id", ""))
