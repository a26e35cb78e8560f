"""What programs send and get when a person logs in from a terminal."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

_READ = ConfigDict(frozen=True)
_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")


class DeviceCodeRequest(BaseModel):
    """Begins a login. Members that are not known are ignored, here and below."""

    model_config = _READ

    client_id: str
    client_public_key: str
    """Raw Ed25519 key in unpadded base64url."""


class DeviceCode(BaseModel):
    """What the program shows, and what it asks with."""

    model_config = _WIRE

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    """Seconds."""
    interval: int
    """Seconds."""


class TokenRequest(BaseModel):
    """Asks for the tokens, with a proof."""

    model_config = _READ

    device_code: str
    timestamp: str | int
    """Unix seconds."""
    nonce: str
    proof: str
    """Unpadded base64url of the signature over SHA-256 of `device_code:timestamp:nonce`."""


class LoginAnswer(BaseModel):
    """Where the login stands; the secrets when it is authorised, this once."""

    model_config = _WIRE

    status: Literal["pending", "expired", "authorized"]
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: int | None = None
    """Seconds that the access token works."""
    api_key: str | None = None


class RefreshRequest(BaseModel):
    """Asks for the next pair of tokens."""

    model_config = _READ

    refresh_token: str


class Tokens(BaseModel):
    """A pair of tokens."""

    model_config = _WIRE

    access_token: str
    refresh_token: str
    expires_in: int


class RevokeRequest(BaseModel):
    """Ends the login of a token of either kind."""

    model_config = _READ

    token: str


class Revoked(BaseModel):
    """The answer to a revocation, whether there was such a token or not."""

    model_config = _WIRE

    revoked: Literal[True] = True


class ApprovalRequest(BaseModel):
    """A person's answer."""

    model_config = _READ

    code: str
    approve: bool


class PendingLogin(BaseModel):
    """What a person sees before they answer."""

    model_config = _WIRE

    code: str
    client_id: str
    address: str
    """Network address of the program."""
    created_at: int
    """Unix seconds, as the next."""
    expires_at: int
    state: Literal["pending", "approved", "denied"]
    account: str
    """The workspace that the program would get into."""


class WhoAmI(BaseModel):
    """The user behind a token or a session."""

    model_config = _WIRE

    id: str
    email: str
    account: str
    name: str
    role: str


class Me(BaseModel):
    """The envelope's content of `auth/me`."""

    model_config = _WIRE

    user: WhoAmI
