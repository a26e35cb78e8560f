"""A workspace's data, for its owners: everything in one archive, and its end."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.roles import Role
from spark_avatar.api.auth import actor_of, authenticate
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.json_bodies import ShortBody, read_as, takes
from spark_avatar.api.openapi import NEEDS_USER
from spark_avatar.api.ports import Ports
from spark_avatar.errors import InvalidOptions, NotAllowed
from spark_avatar.schemas.account_data import ErasureBody, ErasureView

_NO_STORE: Final = {"Cache-Control": "no-store"}
_EXPORTS: Final = "10/hour"
"""Each one holds a connection to the database while it is read."""

routes = APIRouter(prefix="/api/v1/account", tags=["account"])


@routes.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
    openapi_extra=NEEDS_USER,
)
def export(request: Request, ports: PortsOf) -> Response:
    """Everything that the server holds of the workspace, as a ZIP archive: records as JSON lines, and files. For owners."""
    caller = _owner(request, ports)
    ports.rates.admit(f"export:{caller.account_id}", "this workspace", _EXPORTS)
    archive = ports.account_data.export(caller.account_id, actor=actor_of(request, caller))
    name = f"{caller.account_id}-{datetime.now(UTC):%Y-%m-%d}.zip"
    headers = {**_NO_STORE, "Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(archive, headers=headers, media_type="application/zip")


@routes.delete("", responses={200: {"model": ErasureView}}, openapi_extra=NEEDS_USER | takes(ErasureBody))
def erase(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Ends the workspace for good: tasks, files, keys, members and everything else. For owners; the body repeats its id."""
    caller = _owner(request, ports)
    if read_as(ErasureBody, body).confirm != caller.account_id:
        raise InvalidOptions("`confirm` must be the id of the workspace that is to be erased.", facts={"option": "confirm"})
    erasure = ports.account_data.erase(caller.account_id, actor=actor_of(request, caller))
    return Response(ErasureView(**vars(erasure)).model_dump_json(), headers=_NO_STORE, media_type="application/json")


def _owner(request: Request, ports: Ports) -> Caller:
    caller = authenticate(request, ports)
    if caller.role is not Role.OWNER:
        raise NotAllowed("Only an owner who has signed in may do this.")
    return caller
