"""The members of a workspace and invitations to it."""

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.invitations import Invitation
from spark_avatar.accounts.roles import Role, Scope
from spark_avatar.accounts.users import Member
from spark_avatar.api.auth import actor_of, admit_visitor, authenticate
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.json_bodies import ShortBody, read_as, takes
from spark_avatar.api.openapi import needs
from spark_avatar.api.ports import base_url
from spark_avatar.api.sessions import with_session
from spark_avatar.schemas.accounts import (
    Acceptance,
    InvitationBody,
    InvitationList,
    InvitationLook,
    InvitationMade,
    InvitationSeen,
    InvitationView,
    MemberList,
    MemberView,
    RoleChange,
    SessionView,
    UserView,
)
from spark_avatar.service.members import INVITATION_PATH

_NO_STORE = {"Cache-Control": "no-store"}
_MANAGES = needs(Scope.ADMIN)

routes = APIRouter(prefix="/api/v1", tags=["members"])


@routes.post("/invitations/look", responses={200: {"model": InvitationSeen}}, openapi_extra=takes(InvitationLook))
def look(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """What a code invites to: for the page that its link opens, the link of the first start too."""
    admit_visitor(request, ports)
    invitation = ports.accounts.members.look(read_as(InvitationLook, body).code)
    known = invitation.email is not None and ports.accounts.members.users.find(invitation.email) is not None
    return _json(
        InvitationSeen(email=invitation.email, role=invitation.role.value, account=invitation.account_id, known_user=known)
    )


@routes.post("/invitations/accept", responses={200: {"model": SessionView}}, openapi_extra=takes(Acceptance))
def accept(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Makes somebody a member and signs them in, by the code of an invitation or of the first start."""
    visitor = admit_visitor(request, ports)
    given = read_as(Acceptance, body)
    found, secret = ports.accounts.members.accept(
        given.code, name=given.name, email=given.email, password=given.password.get_secret_value(), visitor=visitor
    )
    return with_session(found, secret, request, ports)


@routes.get("/invitations", responses={200: {"model": InvitationList}}, openapi_extra=_MANAGES)
def list_invitations(request: Request, ports: PortsOf) -> Response:
    """The workspace's open invitations."""
    found = ports.accounts.members.open_invitations(authenticate(request, ports))
    return _json(InvitationList(invitations=tuple(_view_invitation(invitation) for invitation in found)))


@routes.post("/invitations", responses={200: {"model": InvitationMade}}, openapi_extra=_MANAGES | takes(InvitationBody))
def invite(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Invites somebody: the answer holds the link to send, this once. An earlier invitation of the address ends."""
    caller = authenticate(request, ports)
    given = read_as(InvitationBody, body)
    invitation, code = ports.accounts.members.invite(caller, given.email, Role(given.role), actor_of(request, caller))
    url = f"{base_url(ports, request)}{INVITATION_PATH}?code={code}"
    return _json(InvitationMade(**dict(_view_invitation(invitation)), url=url))


@routes.delete("/invitations/{invitation_id}", status_code=204, openapi_extra=_MANAGES)
def withdraw(request: Request, invitation_id: str, ports: PortsOf) -> Response:
    """Ends an open invitation."""
    caller = authenticate(request, ports)
    ports.accounts.members.withdraw(caller, invitation_id, actor_of(request, caller))
    return Response(status_code=204, headers=_NO_STORE)


@routes.get("/members", responses={200: {"model": MemberList}}, openapi_extra=needs(Scope.READ))
def list_members(request: Request, ports: PortsOf) -> Response:
    """The workspace's members."""
    found = ports.accounts.members.members(authenticate(request, ports))
    return _json(MemberList(members=tuple(_view_member(member) for member in found)))


@routes.patch("/members/{user_id}", responses={200: {"model": MemberView}}, openapi_extra=_MANAGES | takes(RoleChange))
def change_role(request: Request, user_id: str, body: ShortBody, ports: PortsOf) -> Response:
    """Gives a member another role. Only owners make and unmake owners, and the last one stays."""
    caller = authenticate(request, ports)
    role = Role(read_as(RoleChange, body).role)
    return _json(_view_member(ports.accounts.members.set_role(caller, user_id, role, actor_of(request, caller))))


@routes.delete("/members/{user_id}", status_code=204, openapi_extra=_MANAGES)
def remove(request: Request, user_id: str, ports: PortsOf) -> Response:
    """Ends a membership: at once, the member's sessions see nothing of this workspace. Keys that the member made stay."""
    caller = authenticate(request, ports)
    ports.accounts.members.remove(caller, user_id, actor_of(request, caller))
    return Response(status_code=204, headers=_NO_STORE)


def _view_member(member: Member) -> MemberView:
    return MemberView(
        user=UserView(id=member.user.id, email=member.user.email, name=member.user.name),
        role=member.role.value,
        since=int(member.since.timestamp()),
        disabled=member.user.disabled_at is not None,
    )


def _view_invitation(invitation: Invitation) -> InvitationView:
    return InvitationView(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role.value,
        created_at=int(invitation.created_at.timestamp()),
        expires_at=int(invitation.expires_at.timestamp()),
    )


def _json(body: BaseModel) -> Response:
    return Response(body.model_dump_json(), media_type="application/json", headers=_NO_STORE)
