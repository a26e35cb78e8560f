"""What a user sets about themselves, and what the operator has set for all."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


@dataclass(frozen=True)
class Rule:
    """Something that the operator has decided."""

    title: str
    value: str
    setting: str
    """The environment variable that changes it."""


def routes(console: Console, rules: Sequence[Rule]) -> APIRouter:
    """The settings page."""
    pages = APIRouter()

    @pages.get("/settings")
    def show(request: Request) -> Response:
        return console.page(request, "settings.html", title="Settings", section="settings", rules=rules)

    return pages
