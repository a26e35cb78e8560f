"""An OpenID Connect provider (OpenID Connect Core 1.0, authorization code flow with PKCE)."""

import hmac
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

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
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_BASIC, _POST = "client_secret_basic", "client_secret_post"
_ERROR_FORM: Final = re.compile(r"[\w. -]{1,60}", re.ASCII)
_UNUSABLE: Final = (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What the libraries raise for keys and tokens that they cannot read."""
_Found = TypeVar("_Found")

_log = logging.getLogger(__name__)


class OpenIdConnect:
    """An `IdentityProvider`; safe to call from several threads."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, *, name: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._name = name
        self._known: dict[str, tuple[float, Any]] = {}
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
        browser's, no code, an ID token that is not for us, or an address that the provider has not verified.
        """
        if not hmac.compare_digest(handshake.state.encode(), state.encode(errors="surrogatepass")):
            raise NotAuthenticated("The sign-in was not begun in this browser: begin it again.")
        if not code:  # an error in its place (RFC 6749, 4.1.2.1), such as of somebody who turned back there
            raise NotAuthenticated(f"{self._name} let nobody in: begin the sign-in again.")
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
        if self._posts_secret():
            return self._ask("POST", self._description("token_endpoint"), form | {"client_secret": self._client_secret})
        # Form-encoded first (RFC 6749, 2.3.1). A space as %20, not as a plus: some servers, Authlib's too, read only that.
        auth = httpx.BasicAuth(quote(self._client_id, safe=""), quote(self._client_secret, safe=""))
        return self._ask("POST", self._description("token_endpoint"), form, auth)

    def _posts_secret(self) -> bool:
        """Whether the provider takes the secret in the form alone; in the header where it says nothing (Discovery, 3)."""
        methods = self._described().get("token_endpoint_auth_methods_supported")
        return isinstance(methods, list) and _POST in methods and _BASIC not in methods

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
        except _UNUSABLE as error:
            _log.warning("an ID token was refused: %s", type(error).__name__)
            raise NotAuthenticated(f"The answer of {self._name} cannot be trusted.") from None
        return dict(claims)

    def _decode(self, id_token: str) -> jwt.Token:
        """With the keys that are known, or with fresh ones: providers change them."""
        try:
            return jwt.decode(id_token, self._keys(), algorithms=_ALGORITHMS)
        except _UNUSABLE:
            return jwt.decode(id_token, self._keys(fresh=True), algorithms=_ALGORITHMS)

    def _keys(self, *, fresh: bool = False) -> KeySet:
        return self._look_up(self._description("jwks_uri"), self._key_set, fresh=fresh)

    def _key_set(self, document: Mapping[str, Any]) -> KeySet:
        """The keys that can be used here; one of another kind does not spoil the others (RFC 7517, 5)."""
        published = document.get("keys")
        found = [key for entry in published if (key := _key_of(entry)) is not None] if isinstance(published, list) else []
        if not found:
            raise self._failed("publishes no keys that can be used here")
        return KeySet(found)

    def _description(self, member: str) -> str:
        return str(self._described()[member])

    def _described(self) -> Mapping[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0, 3)."""
        return self._look_up(self._issuer + _DISCOVERY, self._check_description)

    def _check_description(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        named = str(document.get("issuer", "")).rstrip("/")
        if named != self._issuer or not all(isinstance(document.get(member), str) for member in _ENDPOINTS):
            raise self._failed("describes itself as another provider, or not fully")
        return document

    def _look_up(self, address: str, check: Callable[[Mapping[str, Any]], _Found], *, fresh: bool = False) -> _Found:
        """What `check` makes of the document there, kept for a while; what it refuses is not kept."""
        with self._lock:
            kept = self._known.get(address)
        if not fresh and kept is not None and kept[0] > time.monotonic() - _FRESH_SECONDS:
            return kept[1]  # type: ignore[no-any-return]
        found = check(self._ask("GET", address))
        with self._lock:
            self._known[address] = (time.monotonic(), found)
        return found

    def _ask(
        self, method: str, address: str, form: Mapping[str, str] | None = None, auth: httpx.Auth | None = None
    ) -> dict[str, Any]:
        try:
            with httpx.Client(timeout=_SECONDS) as client:
                answer = client.request(method, address, data=form, auth=auth, headers={"Accept": "application/json"})
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            facts = _refusal(error.response) if isinstance(error, httpx.HTTPStatusError) else {}
            _log.warning("the identity provider failed: %s", type(error).__name__, extra=facts)
            raise self._failed("does not answer as it should") from None
        if not isinstance(found, dict):
            raise self._failed("does not answer as it should")
        return found

    def _failed(self, how: str) -> ProviderFailed:
        return ProviderFailed(f"{self._name} {how}: try again later.")


def _key_of(entry: Any) -> Key | None:
    try:
        key = JWKRegistry.import_key(entry)
        key.ensure_kid()
        return key
    except _UNUSABLE as error:
        _log.debug("a key of the identity provider was skipped: %s", type(error).__name__)
        return None


def _refusal(answer: httpx.Response) -> dict[str, object]:
    """For the log: the status, and the word for the error (RFC 6749, 5.2), if it is one. The rest may repeat what was sent."""
    try:
        word = answer.json()["error"]
    except _UNUSABLE:
        word = None
    told = word if isinstance(word, str) and _ERROR_FORM.fullmatch(word) else None
    return {"status": answer.status_code, "error": told}
