"""The console on the server's services: who looks at its pages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from spark_avatar.accounts.sessions import csrf_token
from spark_avatar.api import links
from spark_avatar.api.auth import signed_in
from spark_avatar.api.problems import answer_error, answer_http
from spark_avatar.api.session_cookie import session_secret
from spark_avatar.app.rules import rules_of
from spark_avatar.console.console import Console, Visitor, wants_page
from spark_avatar.console.routes import console_routes
from spark_avatar.console.samples import sample_files
from spark_avatar.errors import NotAllowed, ObjectNotFound, SparkAvatarError
from spark_avatar.storage.storage import ObjectKey

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

    from spark_avatar.api.ports import Ports
    from spark_avatar.config import Settings
    from spark_avatar.storage.object_storage import ObjectStorage


def install_console(app: FastAPI, settings: Settings, storage: ObjectStorage) -> None:
    """Adds the console to the API's app."""
    addresses = [settings.public_url or ""]
    if settings.storage_links == "redirect":
        addresses.append(storage.presign(ObjectKey("readiness"), 60))
    samples = sample_files(settings.data_dir / "samples")
    console = Console(visitor_of, file_addresses=addresses)
    app.include_router(console_routes(console, samples, rules=rules_of(settings)))
    install_not_found(app, console)
    install_dead_link(app, console)


def install_not_found(app: FastAPI, console: Console) -> None:
    """A page for people at addresses where there is nothing; programs get what the API answers."""

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return console.not_found(request) if wants_page(request) else answer_http(request, error)

    app.add_exception_handler(HTTPStatus.NOT_FOUND, answer)


def install_dead_link(app: FastAPI, console: Console) -> None:
    """A page for people whose link to a file does not work; programs get what the API answers."""

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, SparkAvatarError)
        answered = answer_error(request, error)
        of_file = request.url.path.startswith(links.routes.prefix)
        return console.dead_link(request, HTTPStatus(answered.status_code)) if of_file and wants_page(request) else answered

    for fault in (NotAllowed, ObjectNotFound):
        app.add_exception_handler(fault, answer)


def visitor_of(request: Request) -> Visitor | None:
    """The user of the session in the cookie."""
    ports: Ports = request.app.state.ports
    found, secret = signed_in(request, ports), session_secret(request, ports)
    if found is None or secret is None:
        return None
    user = found.member.user
    return Visitor(
        name=user.name,
        email=user.email,
        workspace=found.member.account_name or found.member.account_id,
        role=found.member.role.value,
        csrf_token=csrf_token(secret),
        operator=user.operator,
    )
