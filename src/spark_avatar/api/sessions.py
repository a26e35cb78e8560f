"""Signing in and out, and what users do about themselves."""

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.sessions import Session, SignedIn, csrf_token
from spark_avatar.api.auth import actor_of, admit_visitor, authenticate, visitor_of
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.json_bodies import ShortBody, read_as, takes
from spark_avatar.api.openapi import NEEDS_USER
from spark_avatar.api.ports import Ports
from spark_avatar.api.session_cookie import clear_session, session_secret, set_session
from spark_avatar.errors import NotAllowed
from spark_avatar.schemas.accounts import (
    Credentials,
    OwnSession,
    OwnSessions,
    PasswordChange,
    SessionView,
    UserView,
    WorkspaceChoice,
    WorkspaceView,
)

_NO_STORE = {"Cache-Control": "no-store"}

routes = APIRouter(prefix="/api/v1", tags=["sessions"])


@routes.post("/session", responses={200: {"model": SessionView}}, openapi_extra=takes(Credentials))
def sign_in(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Opens a session: the answer sets its cookie. A session that the browser had ends."""
    visitor = admit_visitor(request, ports)
    given = read_as(Credentials, body)
    old = session_secret(request, ports)
    found, secret = ports.accounts.sign_in.sign_in(given.email, given.password.get_secret_value(), visitor, old_secret=old)
    return with_session(found, secret, request, ports)


@routes.get("/session", responses={200: {"model": SessionView}}, openapi_extra=NEEDS_USER)
def current_session(request: Request, ports: PortsOf) -> Response:
    """Who is signed in, and the token for requests that change something."""
    authenticate(request, ports)
    secret = _secret(request, ports)
    return _json(view_session(ports.accounts.sign_in.find(secret), secret, ports))


@routes.patch("/session", responses={200: {"model": SessionView}}, openapi_extra=NEEDS_USER | takes(WorkspaceChoice))
def choose_workspace(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Looks at another workspace of the user."""
    caller = authenticate(request, ports)
    secret = _secret(request, ports)
    ports.accounts.sign_in.move(caller, read_as(WorkspaceChoice, body).account)
    return _json(view_session(ports.accounts.sign_in.find(secret), secret, ports))


@routes.delete("/session", status_code=204, openapi_extra=NEEDS_USER)
def sign_out(request: Request, ports: PortsOf) -> Response:
    """Ends this session."""
    caller = authenticate(request, ports)
    ports.accounts.sign_in.sign_out(caller, actor_of(request, caller))
    return _signed_out(request, ports)


@routes.get("/sessions", responses={200: {"model": OwnSessions}}, openapi_extra=NEEDS_USER)
def own_sessions(request: Request, ports: PortsOf) -> Response:
    """Where the user is signed in."""
    caller = authenticate(request, ports)
    found = ports.accounts.sign_in.own_sessions(caller)
    return _json(OwnSessions(sessions=tuple(_view_own(session, caller.session_id) for session in found)))


@routes.delete("/sessions", status_code=204, openapi_extra=NEEDS_USER)
def sign_out_everywhere(request: Request, ports: PortsOf) -> Response:
    """Ends all sessions of the user, this one too."""
    caller = authenticate(request, ports)
    ports.accounts.sign_in.sign_out_everywhere(caller, actor_of(request, caller))
    return _signed_out(request, ports)


@routes.delete("/sessions/{session_id}", status_code=204, openapi_extra=NEEDS_USER)
def end_session(request: Request, session_id: str, ports: PortsOf) -> Response:
    """Ends one of the user's sessions."""
    caller = authenticate(request, ports)
    ports.accounts.sign_in.sign_out(caller, actor_of(request, caller), session_id=session_id)
    return Response(status_code=204, headers=_NO_STORE)


@routes.put("/user/password", status_code=204, openapi_extra=NEEDS_USER | takes(PasswordChange))
def change_password(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Replaces the user's password, and ends the other sessions."""
    caller = authenticate(request, ports)
    given = read_as(PasswordChange, body)
    ports.accounts.sign_in.change_password(
        caller,
        given.current_password.get_secret_value(),
        given.new_password.get_secret_value(),
        visitor_of(request),
        actor_of(request, caller),
    )
    return Response(status_code=204, headers=_NO_STORE)


def with_session(found: SignedIn, secret: str, request: Request, ports: Ports) -> Response:
    """The answer that opens a session in the browser."""
    response = _json(view_session(found, secret, ports))
    seconds = int((found.session.expires_at - found.session.created_at).total_seconds())
    set_session(response, secret, request, ports, seconds=seconds)
    return response


def view_session(found: SignedIn, secret: str, ports: Ports) -> SessionView:
    """Who is signed in."""
    member = found.member
    workspaces = ports.accounts.sign_in.workspaces(found.caller)
    return SessionView(
        user=UserView(id=member.user.id, email=member.user.email, name=member.user.name),
        account=WorkspaceView(id=member.account_id, name=member.account_name),
        workspaces=tuple(WorkspaceView(id=id_, name=name) for id_, name in workspaces),
        role=member.role.value,
        scopes=tuple(sorted(scope.value for scope in member.role.scopes)),
        operator=member.user.operator,
        csrf_token=csrf_token(secret),
        expires_at=int(found.session.expires_at.timestamp()),
    )


def _secret(request: Request, ports: Ports) -> str:
    """The cookie's; raises `NotAllowed` where something else proved the caller."""
    secret = session_secret(request, ports)
    if secret is None or request.headers.get("authorization", "").strip():
        raise NotAllowed("There is no session: an API key needs none.")
    return secret


def _view_own(session: Session, current: str | None) -> OwnSession:
    return OwnSession(
        id=session.id,
        current=session.id == current,
        created_at=int(session.created_at.timestamp()),
        seen_at=int(session.seen_at.timestamp()),
        expires_at=int(session.expires_at.timestamp()),
        address=session.address,
        user_agent=session.user_agent,
    )


def _signed_out(request: Request, ports: Ports) -> Response:
    response = Response(status_code=204, headers=_NO_STORE)
    clear_session(response, request, ports)
    return response


def _json(body: BaseModel) -> Response:
    return Response(body.model_dump_json(), media_type="application/json", headers=_NO_STORE)
