"""What all pages have in common: the frame, who looks, and the headers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from spark_avatar import __version__
from spark_avatar.console.assets import Assets
from spark_avatar.console.navigation import menu_for
from spark_avatar.console.security import security_headers

THEME_COOKIE: Final = "spark_theme"
_THEMES: Final = ("light", "dark")
_TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Visitor:
    """Who looks at a page."""

    name: str
    email: str
    workspace: str
    role: str
    csrf_token: str
    operator: bool = False


def nobody(_request: Request) -> Visitor | None:
    """Nobody is signed in."""
    return None


class Console:
    """Renders pages."""

    def __init__(self, visitor_of: Callable[[Request], Visitor | None] = nobody, *, file_addresses: Iterable[str] = ()) -> None:
        """`visitor_of` may block: pages are made in worker threads. `file_addresses`: see `security_headers`."""
        self.visitor_of = visitor_of
        self.headers = security_headers(file_addresses)
        self.assets = Assets.load()
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.globals["asset"] = self.assets.address

    def page(self, request: Request, template: str, *, title: str, section: str, **facts: object) -> HTMLResponse:
        """A page in its frame. `section` is the name of the menu's place that it belongs to."""
        visitor = self.visitor_of(request)
        theme = request.cookies.get(THEME_COOKIE, "")
        text = self._templates.get_template(template).render(
            title=title,
            section=section,
            visitor=visitor,
            navigation=menu_for(operator=visitor is None or visitor.operator),
            theme=theme if theme in _THEMES else "",
            version=__version__,
            **facts,
        )
        return HTMLResponse(text, headers={**self.headers, "Cache-Control": "no-store"})
