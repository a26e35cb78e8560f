"""The console on the server's services: who looks at its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_avatar.accounts.sessions import csrf_token
from spark_avatar.api.auth import signed_in
from spark_avatar.api.session_cookie import session_secret
from spark_avatar.app.rules import rules_of
from spark_avatar.console.console import Visitor
from spark_avatar.console.routes import console_routes
from spark_avatar.console.samples import sample_files
from spark_avatar.storage.storage import ObjectKey

if TYPE_CHECKING:
    from fastapi import APIRouter, Request

    from spark_avatar.api.ports import Ports
    from spark_avatar.config import Settings
    from spark_avatar.storage.object_storage import ObjectStorage


def open_console(settings: Settings, storage: ObjectStorage) -> APIRouter:
    """The console's routes."""
    addresses = [settings.public_url or ""]
    if settings.storage_links == "redirect":
        addresses.append(storage.presign(ObjectKey("readiness"), 60))
    samples = sample_files(settings.data_dir / "samples")
    return console_routes(samples, visitor_of=visitor_of, file_addresses=addresses, rules=rules_of(settings))


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
