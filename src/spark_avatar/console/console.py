"""What all pages have in common: the frame, who looks, and the headers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from spark_avatar import __version__
from spark_avatar.console.assets import Assets
from spark_avatar.console.navigation import menu_for
from spark_avatar.console.security import security_headers

THEME_COOKIE: Final = "spark_theme"
SIGN_IN: Final = "/sign-in"
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

    @property
    def manages(self) -> bool:
        """Whether they manage the workspace."""
        return self.role != "member"


def wants_page(request: Request) -> bool:
    """Whether somebody looks at the answer in a browser. Programs that take both want JSON."""
    accepted = request.headers.get("accept", "")
    return request.method in ("GET", "HEAD") and "text/html" in accepted and "json" not in accepted


class Console:
    """Renders pages."""

    def __init__(self, visitor_of: Callable[[Request], Visitor | None], *, file_addresses: Iterable[str] = ()) -> None:
        """`visitor_of` may block: pages are made in worker threads. `file_addresses`: see `security_headers`."""
        self.visitor_of = visitor_of
        self.headers = security_headers(file_addresses)
        self.assets = Assets.load()
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.globals["asset"] = self.assets.address

    def page(
        self,
        request: Request,
        template: str,
        *,
        title: str,
        section: str,
        managers_only: bool = False,
        operators_only: bool = False,
        **facts: object,
    ) -> Response:
        """A page in its frame, for those who are signed in; others are led to the sign-in and back. `section` is the name of
        the menu's place that it belongs to. Raises a 404 for a page that is not for this visitor.
        """
        visitor = self.visitor_of(request)
        if visitor is None:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return self.send_on(f"{SIGN_IN}?next={quote(target, safe='')}" if target != "/" else SIGN_IN)
        if (operators_only and not visitor.operator) or (managers_only and not visitor.manages):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        menu = menu_for(manager=visitor.manages, operator=visitor.operator)
        frame = {"title": title, "section": section, "visitor": visitor, "navigation": menu}
        return self._answer(request, template, frame | facts)

    def open_page(self, request: Request, template: str, *, title: str, **facts: object) -> Response:
        """A page for everybody, without the menu."""
        return self._answer(request, template, {"title": title, **facts})

    def not_found(self, request: Request) -> Response:
        """For whoever follows an address that leads nowhere. It looks nothing up: strangers ask for any address."""
        return self._answer(request, "not_found.html", {"title": "Not found"}, HTTPStatus.NOT_FOUND)

    def dead_link(self, request: Request, status: HTTPStatus) -> Response:
        """For whoever follows a link to a video that has expired, is cut off, or leads to what is gone."""
        return self._answer(request, "dead_link.html", {"title": "The link does not work"}, status)

    def _answer(
        self, request: Request, template: str, facts: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        theme = request.cookies.get(THEME_COOKIE, "")
        text = self._templates.get_template(template).render(
            theme=theme if theme in _THEMES else "", version=__version__, **facts
        )
        return HTMLResponse(text, status, headers={**self.headers, "Cache-Control": "no-store"})

    def send_on(self, path: str) -> Response:
        """Leads to another page."""
        headers = {**self.headers, "Cache-Control": "no-store"}
        return RedirectResponse(path, HTTPStatus.SEE_OTHER, headers=headers)
