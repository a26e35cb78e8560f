"""A small OpenID Connect provider on the loopback, made of Authlib's server side; it can be told to cheat."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, jsonify, request
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "spark-avatar", "the client's 100%25 secret: a+b"


def new_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


@dataclass
class Person:
    sub: str = "person-1"
    name: str = "Anna from elsewhere"
    email: str = "anna@example.org"
    email_verified: Any = True

    def get_user_id(self) -> str:
        return self.sub


class Client:
    """The one that is registered."""

    def __init__(self, provider: "Provider") -> None:
        self.client_id = CLIENT_ID
        self._provider = provider

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return "http://test/api/v1/oidc/callback"

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/api/v1/oidc/callback")

    def check_client_secret(self, secret: str) -> bool:
        return secret == self._provider.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self._provider.method

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def get_allowed_scope(self, scope: str) -> str:
        return scope


@dataclass
class Code:
    code: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str
    code_challenge_method: str
    user: Person
    client_id: str = CLIENT_ID

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    get_acr = get_amr = get_auth_time


@dataclass
class Provider:
    url: str = ""
    person: Person = field(default_factory=Person)
    claims: dict[str, Any] = field(default_factory=dict)
    """Put into ID tokens in place of the right ones."""
    key: ECKey | RSAKey = field(default_factory=lambda: new_key("first"))
    published: list[ECKey | RSAKey] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)
    """By path: answered instead of the right one."""
    described: dict[str, Any] = field(default_factory=dict)
    """Put into the description."""
    method: str = "client_secret_basic"
    secret: str = CLIENT_SECRET
    codes: dict[str, Code] = field(default_factory=dict)
    token_requests: int = 0
    broken: bool = False


def _grant(provider: Provider) -> type[grants.AuthorizationCodeGrant]:
    class Grant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def save_authorization_code(self, code, request):
            sent = request.payload.data
            provider.codes[code] = Code(
                code,
                request.payload.redirect_uri,
                request.payload.scope,
                sent.get("nonce"),
                sent["code_challenge"],
                sent["code_challenge_method"],
                request.user,
            )

        def query_authorization_code(self, code, client):
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code):
            del provider.codes[authorization_code.code]

        def authenticate_user(self, authorization_code):
            return authorization_code.user

    return Grant


def _id_tokens(provider: Provider) -> OpenIDCode:
    class IdTokens(OpenIDCode):
        def exists_nonce(self, nonce, request):
            return False

        def resolve_client_private_key(self, client):
            return provider.key

        def get_client_algorithm(self, client):
            return "RS256" if isinstance(provider.key, RSAKey) else "ES256"

        def get_encode_header(self, client):
            return {"alg": self.get_client_algorithm(client), "kid": provider.key.kid}

        def get_client_claims(self, client):
            return {"iss": provider.url, "aud": [CLIENT_ID]}

        def generate_user_info(self, user, scope):
            return UserInfo({**vars(user), **provider.claims})

    return IdTokens(require_nonce=True)


def _app(provider: Provider) -> Flask:
    app = Flask("provider")
    server = AuthorizationServer(
        app, lambda client_id: Client(provider) if client_id == CLIENT_ID else None, lambda token, request: None
    )
    server.register_grant(_grant(provider), [_id_tokens(provider), CodeChallenge(required=True)])

    @app.before_request
    def cheat():
        return jsonify(provider.documents[request.path]) if request.path in provider.documents else None

    @app.get("/.well-known/openid-configuration")
    def describe():
        if provider.broken:
            return "<html>", 500
        at = provider.url
        endpoints = {"authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token", "jwks_uri": f"{at}/keys"}
        return jsonify({"issuer": at, **endpoints, **provider.described})

    @app.get("/keys")
    def keys():
        found = KeySet(provider.published or [provider.key])
        return jsonify(found.as_dict(private=False))

    @app.get("/authorize")
    def authorize():
        return server.create_authorization_response(grant_user=provider.person, grant=server.get_consent_grant(provider.person))

    @app.post("/token")
    def token():
        provider.token_requests += 1
        return server.create_token_response()

    return app


@contextmanager
def openid_provider() -> Iterator[Provider]:
    provider = Provider()
    server = make_server("127.0.0.1", 0, _app(provider), threaded=True)
    provider.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
