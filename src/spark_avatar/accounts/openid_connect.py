"""An OpenID Connect provider (OpenID Connect Core 1.0, authorization code flow with PKCE)."""

import hmac
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from spark_avatar.accounts.identity_provider import Handshake, Identity
from spark_avatar.errors import NotAuthenticated, ProviderFailed

_DISCOVERY: Final = "/.well-known/openid-configuration"
_SCOPES: Final = "openid email profile"
_ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA"]
"""With keys that the provider publishes: never `none`, and never a shared secret, which an attacker might confuse with one."""
_SECONDS: Final = 10.0
_LEEWAY_SECONDS: Final = 60
_FRESH_SECONDS: Final = 3600.0
"""How long the provider's description and keys are kept."""
_LONGEST_NAME: Final = 100

_log = logging.getLogger(__name__)


class OpenIdConnect:
    """An `IdentityProvider`; safe to call from several threads."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, *, name: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._name = name
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What people call it."""
        return self._name

    def begin(self, callback: str) -> tuple[str, Handshake]:
        """Where to send the browser, and what it keeps until it comes back to `callback`. Raises `ProviderFailed`."""
        handshake = Handshake(*(secrets.token_urlsafe(32) for _ in range(3)))
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": callback,
            "scope": _SCOPES,
            "state": handshake.state,
            "nonce": handshake.nonce,
            "code_challenge": create_s256_code_challenge(handshake.verifier),
            "code_challenge_method": "S256",
        }
        address = self._description("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", handshake

    def finish(self, handshake: Handshake, *, state: str, code: str, callback: str) -> Identity:
        """Who has come back with this code. Raises `ProviderFailed`, and `NotAuthenticated` for a state that is not the
        browser's, an ID token that is not for us, or an address that the provider has not verified.
        """
        if not hmac.compare_digest(handshake.state.encode(), state.encode(errors="surrogatepass")):
            raise NotAuthenticated("The sign-in was not begun in this browser: begin it again.")
        answer = self._redeem(handshake, code, callback)
        claims = self._claims(str(answer.get("id_token", "")), handshake.nonce, str(answer.get("access_token", "")))
        if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
            raise NotAuthenticated(f"{self._name} has not verified an e-mail address of yours.")
        name = str(claims.get("name") or claims["email"])[:_LONGEST_NAME]
        return Identity(subject=str(claims["sub"]), email=claims["email"], name=name)

    def _redeem(self, handshake: Handshake, code: str, callback: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "code_verifier": handshake.verifier,
            "client_id": self._client_id,
        }
        return self._ask("POST", self._description("token_endpoint"), form)

    def _claims(self, id_token: str, nonce: str, access_token: str) -> Mapping[str, Any]:
        """The claims of an ID token that this provider has signed for us, now, for this sign-in (Core, 3.1.3.7)."""
        try:
            token = self._decode(id_token)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self._description("issuer")},
                    "aud": {"essential": True, "value": self._client_id},
                },
                params={"nonce": nonce, "client_id": self._client_id, "access_token": access_token},
            )
            claims.validate(leeway=_LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError) as error:
            _log.warning("an ID token was refused: %s", type(error).__name__)
            raise NotAuthenticated(f"The answer of {self._name} cannot be trusted.") from None
        return dict(claims)

    def _decode(self, id_token: str) -> jwt.Token:
        """With the keys that are known, or with fresh ones: providers change them."""
        address = self._description("jwks_uri")
        keys = KeySet.import_key_set(self._look_up(address))  # type: ignore[arg-type]
        try:
            return jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            keys = KeySet.import_key_set(self._look_up(address, fresh=True))  # type: ignore[arg-type]
            return jwt.decode(id_token, keys, algorithms=_ALGORITHMS)

    def _description(self, member: str) -> str:
        """What the provider says of itself (OpenID Connect Discovery 1.0, 3)."""
        description = self._look_up(self._issuer + _DISCOVERY)
        if str(description.get("issuer", "")).rstrip("/") != self._issuer or not isinstance(description.get(member), str):
            raise ProviderFailed(f"{self._name} describes itself as another provider, or not fully.")
        return str(description[member])

    def _look_up(self, address: str, *, fresh: bool = False) -> dict[str, Any]:
        with self._lock:
            kept = self._known.get(address)
        if not fresh and kept is not None and kept[0] > time.monotonic() - _FRESH_SECONDS:
            return kept[1]
        found = self._ask("GET", address)
        with self._lock:
            self._known[address] = (time.monotonic(), found)
        return found

    def _ask(self, method: str, address: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        auth = (self._client_id, self._client_secret) if form is not None else None
        try:
            with httpx.Client(timeout=_SECONDS) as client:
                answer = client.request(method, address, data=form, auth=auth, headers={"Accept": "application/json"})
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            _log.warning("the identity provider failed: %s", type(error).__name__)
            raise ProviderFailed(f"{self._name} does not answer as it should: try again later.") from None
        if not isinstance(found, dict):
            raise ProviderFailed(f"{self._name} does not answer as it should: try again later.")
        return found
