"""The workspace's audit log."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from spark_avatar.accounts.audit import AuditEvent
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate
from spark_avatar.api.cursors import read_cursor, write_cursor
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.openapi import needs
from spark_avatar.schemas.audit import AuditPage, AuditView

_LONGEST_PAGE = 100

routes = APIRouter(prefix="/api/v1/audit", tags=["audit"])


@routes.get("", responses={200: {"model": AuditPage}}, openapi_extra=needs(Scope.ADMIN))
def list_events(
    request: Request, ports: PortsOf, limit: Annotated[int, Query(ge=1, le=_LONGEST_PAGE)] = 50, after: str = ""
) -> Response:
    """What happened in the workspace that matters to security, the newest first. `next` of the answer is the `after` of the
    next call.
    """
    account = authenticate(request, ports).account_id
    found = ports.accounts.audit.page(account, limit=limit + 1, before=read_cursor(after) if after else None)
    shown, more = found[:limit], len(found) > limit
    page = AuditPage(
        events=tuple(view_event(event) for event in shown),
        has_more=more,
        next=write_cursor(shown[-1].created_at, shown[-1].id) if more else None,
    )
    return Response(page.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})


def view_event(event: AuditEvent) -> AuditView:
    """One event as it is shown."""
    return AuditView(
        id=event.id,
        created_at=event.created_at.timestamp(),
        actor=event.actor,
        action=event.action,
        subject=event.subject,
        address=event.address,
        request_id=event.request_id,
        details=dict(event.details),
    )
