"""Users, sessions, members and invitations on the wire. Times are Unix seconds."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")

RoleName = Literal["owner", "admin", "member"]
_Email = Field(max_length=254)
_Password = Field(max_length=1024)


class Credentials(BaseModel):
    """The body of signing in."""

    model_config = _WIRE

    email: str = _Email
    password: SecretStr = _Password


class Acceptance(BaseModel):
    """The body of accepting an invitation, or the link of the first start."""

    model_config = _WIRE

    code: str = Field(max_length=100)
    name: str = Field(default="", max_length=100)
    """Needed from who is no user yet."""
    email: str | None = Field(default=None, max_length=254)
    """By default the address that was invited."""
    password: SecretStr = _Password
    """A new one, or the user's."""


class InvitationLook(BaseModel):
    """The body of asking what a code invites to."""

    model_config = _WIRE

    code: str = Field(max_length=100)


class PasswordChange(BaseModel):
    """The body of changing one's password."""

    model_config = _WIRE

    current_password: SecretStr = _Password
    new_password: SecretStr = _Password


class WorkspaceChoice(BaseModel):
    """The body of looking at another workspace."""

    model_config = _WIRE

    account: str = Field(max_length=64)


class InvitationBody(BaseModel):
    """The body of inviting somebody."""

    model_config = _WIRE

    email: str = _Email
    role: RoleName = "member"


class RoleChange(BaseModel):
    """The body of changing a member's role."""

    model_config = _WIRE

    role: RoleName


class UserView(BaseModel):
    """A user."""

    model_config = _WIRE

    id: str
    email: str
    name: str


class WorkspaceView(BaseModel):
    """A workspace."""

    model_config = _WIRE

    id: str
    name: str | None


class SessionView(BaseModel):
    """Who is signed in."""

    model_config = _WIRE

    user: UserView
    account: WorkspaceView
    workspaces: tuple[WorkspaceView, ...]
    """All that the user belongs to."""
    role: RoleName
    scopes: tuple[str, ...]
    operator: bool
    csrf_token: str
    """For the `X-CSRF-Token` header of requests that change something."""
    expires_at: int


class ProviderView(BaseModel):
    """An identity provider that users may sign in by."""

    model_config = _WIRE

    name: str
    url: str
    """Where to send the browser."""


class SignInWays(BaseModel):
    """How users sign in, beside their passwords."""

    model_config = _WIRE

    provider: ProviderView | None


class OwnSession(BaseModel):
    """One of a user's sessions."""

    model_config = _WIRE

    id: str
    current: bool
    created_at: int
    seen_at: int
    expires_at: int
    address: str
    user_agent: str


class OwnSessions(BaseModel):
    """A user's sessions, the newest first."""

    model_config = _WIRE

    sessions: tuple[OwnSession, ...]


class MemberView(BaseModel):
    """A member of the workspace."""

    model_config = _WIRE

    user: UserView
    role: RoleName
    since: int
    disabled: bool


class MemberList(BaseModel):
    """The members, the oldest first."""

    model_config = _WIRE

    members: tuple[MemberView, ...]


class InvitationView(BaseModel):
    """An open invitation."""

    model_config = _WIRE

    id: str
    email: str | None
    role: RoleName
    created_at: int
    expires_at: int


class InvitationMade(InvitationView):
    """A new invitation; the link is shown this once."""

    url: str


class InvitationSeen(BaseModel):
    """What a code invites to."""

    model_config = _WIRE

    email: str | None
    """None for the link of the first start: any address may be given."""
    role: RoleName
    account: str
    known_user: bool
    """Whether the address is a user's already, who accepts with their password."""


class InvitationList(BaseModel):
    """The open invitations, the newest first."""

    model_config = _WIRE

    invitations: tuple[InvitationView, ...]
