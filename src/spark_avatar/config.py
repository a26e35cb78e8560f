"""Settings: the only reader of the environment. Values are passed down from `app`, `cli` and the worker, never imported."""

import difflib
import ipaddress
import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MEBIBYTE = 1024 * 1024
_PREFIX = "SPARK_AVATAR_"
_OF_OTHERS = ("SPARK_AVATAR_API_KEY",)
"""The console's examples keep a caller's key in it."""
_OF_SERVICE = re.compile(
    r"SPARK_AVATAR_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
_SHORTEST_SEGMENT = 2.0
"""Seconds: a few frames cannot be told from the encoder's delay, and cost more than they save."""


_DAY = 24 * 3600
_LABEL = "[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"({_LABEL}\.)*(?!(\d+|0x[0-9a-f]*)\.?$){_LABEL}\.?", re.IGNORECASE)
"""As names of hosts stand in addresses that were parsed. One whose last part is a number is an IPv4 address, or none at all."""
_HOSTS_OR_NETWORKS = "write names of hosts or networks, without scheme, port or `*`, e.g. `media.intranet,10.1.0.0/16`"
_SHORTEST_SECRET = 16
"""Characters: what it signs could be guessed otherwise."""


def _half_the_cores() -> int:
    """Workers by default: a render keeps about two cores busy."""
    return max(1, (os.cpu_count() or 2) // 2)


def traces_wanted() -> bool:
    """Whether the standard variables of OpenTelemetry name a collector of traces, and do not turn them off."""
    named = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "none"
    return bool(named) and not off


def unknown_variables() -> dict[str, str | None]:
    """The variables of the environment that are named like a setting and are none, with the setting that each may have been meant
    to be. What Kubernetes tells of services whose name begins as ours is none of them.
    """
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    in_kubernetes = "KUBERNETES_SERVICE_HOST" in os.environ
    found: dict[str, str | None] = {}
    for name in sorted(os.environ):
        written = name.upper()
        ours = written.startswith(_PREFIX) and written not in {*known, *_OF_OTHERS}
        if ours and not (in_kubernetes and _OF_SERVICE.fullmatch(written)):
            found[name] = next(iter(difflib.get_close_matches(written, known, n=1)), None)
    return found


def is_origin(url: str) -> bool:
    """Whether it is `http://HOST` or `https://HOST`, with or without a port and a slash at the end."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        plain = parts.netloc.lower() in (host, f"{host}:{parts.port}")  # no user, no password
    except ValueError:  # a port that is no number, brackets around what is no address
        return False
    fits = parts.scheme in ("http", "https") and plain and parts.path in ("", "/")
    return fits and re.search(r"[\s\\?#]", url) is None


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return False
    return True


class Settings(BaseSettings):
    """All settings, each from `SPARK_AVATAR_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", allow_inf_nan=False)

    data_dir: Path = Field(default_factory=lambda: Path.home() / ".local" / "share" / "spark-avatar")
    """Folder for the database, files, secret and scratch space."""
    database_url: str | None = None
    """SQLAlchemy URL; by default SQLite in the data folder."""
    broker_url: SecretStr | None = None
    """RabbitMQ, `amqp://...`: tasks are then run by `spark-avatar worker`, on any machine."""
    storage_url: str | None = None
    """obstore URL; by default a folder in the data folder."""
    storage_retry_seconds: float = Field(default=120, ge=0, le=240)
    """How long a cloud storage that fails is asked again."""
    storage_links: Literal["proxy", "redirect"] = "proxy"
    """Whether links to files are answered by this server, or lead on to a signed address at the cloud storage."""
    public_url: str | None = None
    """How clients reach this server, e.g. `https://avatar.example.org`; by default taken from each request."""
    secret_key: SecretStr | None = None
    """Signs links; by default made on first start and kept in the data folder."""
    workers: int = Field(default_factory=_half_the_cores, ge=0, le=256)
    """Worker processes inside the server, or of `spark-avatar worker`; 0 runs none in the server."""
    default_engine: str = "portrait"

    models: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    """Model id = engine, comma-separated, beside or instead of those that come by themselves."""
    fallback: Annotated[tuple[str, ...], NoDecode] = ()
    """Engines, comma-separated, that take over in this order when a remote one fails."""
    comfyui_urls: Annotated[tuple[str, ...], NoDecode] = ()
    """ComfyUI servers, comma-separated: `http://gpu1:8188`, with `#rate=20&concurrency=2` where they differ from the usual."""
    comfyui_workflows: Path | None = None
    """Folder of workflows; by default the shipped example."""
    comfyui_headers: Annotated[dict[str, SecretStr], NoDecode] = Field(default_factory=dict)
    """Headers for the ComfyUI servers, as a JSON object."""
    remote_url: str | None = None
    """Another server of this API, for the engine `remote`."""
    remote_key: SecretStr | None = None
    """API key of that server."""
    remote_model: str = "spark_avatar_picture_omni_v2"
    """Model that is asked for there."""
    remote_seconds: float = Field(default=1500, gt=0, le=_DAY)
    """Time limit of one job on a ComfyUI or another remote server."""

    split_seconds: float = Field(default=0, ge=0)
    """Recordings longer than this, 2 s at least, are rendered in segments of about this length by several workers; 0 for none."""
    task_seconds: float = Field(default=1800, gt=0, le=_DAY)
    """Time limit of one attempt."""
    max_attempts: int = Field(default=3, ge=1)
    """Runs of a task before it is given up, counting those that ended with a dead worker."""
    lease_seconds: float = Field(default=15, gt=0, le=3600)
    """A worker that is silent for so long has lost its task."""
    min_free_bytes: int = Field(default=256 * MEBIBYTE, ge=0)
    """A worker with less free disk space takes no tasks; 0 for one that never minds."""
    drain_seconds: float = Field(default=20, ge=0)
    """How long a stopping server lets running tasks finish before it hands them back."""
    link_seconds: int = Field(default=_DAY, ge=60, le=3650 * _DAY)
    """How long a result's link works."""
    max_queued: int = Field(default=100_000, ge=1)
    """Tasks that may wait; more are refused with 503."""
    max_queued_per_account: int = Field(default=50_000, ge=1)
    """Tasks of one account that may wait; more are refused with 429."""
    max_running_per_account: int = Field(default=0, ge=0)
    """Tasks of one account that may run at the same time; 0 for no limit."""
    rate_per_key: str = "30000/minute"
    """Requests that one API key may make; empty for no limit."""
    rate_per_address: str = "60000/minute"
    """Requests that one address may make, with whatever keys; empty for no limit."""
    rate_store_url: str | None = None
    """Redis URL for the counts; by default each server process counts for itself."""
    keep_days: float = Field(default=30, ge=0, le=36500)
    """How long ended tasks and their videos are kept; 0 keeps them."""
    keep_input_hours: float = Field(default=24, ge=0, le=876_000)
    """How long uploads, and inputs that came inside requests, are kept; 0 keeps them."""
    oidc_issuer: str | None = None
    """OpenID Connect provider that users may sign in by, e.g. `https://login.example.org`."""
    oidc_client_id: str = Field(default="", validate_default=True)
    """Name of this server there."""
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), validate_default=True)
    """Password of this server there."""
    oidc_name: str = "Single sign-on"
    """What people call the provider."""
    session_days: float = Field(default=14, gt=0, le=365)
    """How long a session lasts at most."""
    session_idle_hours: float = Field(default=24, gt=0, le=8760)
    """How long a session lasts without a request."""
    audit_days: float = Field(default=400, ge=0, le=36500)
    """How long the audit log is kept; 0 keeps it."""
    sync_seconds: float = Field(default=300, gt=0)
    """How long the synchronous call waits for the task."""
    client_seconds: int = Field(default=30, ge=1)
    """How long a client may keep a connection waiting: for the head of a request, for its body, or before it takes an answer."""

    fetch_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts or networks, comma-separated, that inputs may come from although they are not public."""
    fetch_seconds: float = Field(default=60, gt=0)
    """Time for fetching one input, all redirects included."""
    max_image_bytes: int = Field(default=5 * MEBIBYTE, gt=0)
    max_image_side: int = Field(default=4096, gt=0)
    max_audio_bytes: int = Field(default=100 * MEBIBYTE, gt=0)
    max_audio_seconds: float = Field(default=600, gt=0)

    price_per_second: Decimal = Field(default=Decimal(0), ge=0)
    """US dollars per second of video, for models without a price of their own."""
    prices: Annotated[dict[str, dict[str, Decimal]], NoDecode] = Field(default_factory=dict)
    """Prices of single models, as a JSON object."""
    billing: Literal["postpaid", "prepaid"] = "postpaid"
    """Whether a task needs a balance that covers it."""
    hold_seconds: float = Field(default=15, gt=0, le=_DAY)
    """Length of a recording that is assumed, for quotes and for what is set aside, until it has been fetched."""

    provenance_manifest: bool = True
    """Sign a C2PA manifest into every video whose file can hold one: WebM cannot."""
    provenance_tags: bool = True
    """Write the digital source type into every video as plain metadata."""
    provenance_watermark: bool = True
    """Carry the task's id in the frames."""
    provenance_watermark_remote: bool = False
    """Encode finished videos of remote engines anew, so that they carry it too."""
    provenance_label: bool = False
    """Show a label on every video, not only where a request asks for it."""
    provenance_label_text: str = Field(default="AI-generated", min_length=1, max_length=80)
    provenance_label_font: Path | None = None
    """TrueType or OpenType file, for labels that need more than the letters of ASCII."""
    provenance_certificate: Path | None = None
    """PEM file that signs manifests, with its chain; by default a self-made, untrusted one."""
    provenance_key: Path | None = None
    """PEM file of its private key."""
    provenance_trust: Path | None = None
    """PEM file of the certificates that `spark-avatar verify` trusts."""
    require_consent: bool = False
    """Refuse requests without a statement of consent."""

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, given: dict[str, object]) -> dict[str, object]:
        """An empty variable, as of a line in a settings file that was left open, says nothing; only a rate may be empty."""
        return {name: value for name, value in given.items() if value != "" or name in ("rate_per_key", "rate_per_address")}

    @field_validator("secret_key")
    @classmethod
    def _long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"give {_SHORTEST_SECRET} random characters at least, as of `openssl rand -hex 32`")
        return value

    @field_validator("rate_per_key", "rate_per_address")
    @classmethod
    def _rate(cls, value: str) -> str:
        from limits import parse_many  # only the server needs it

        try:
            fits = not value or [rule.amount > 0 for rule in parse_many(value)] == [True]
        except ValueError:
            fits = False
        if not fits:
            raise ValueError("write one count and a time, such as `600/minute`, or nothing for no limit")
        return value

    @field_validator("storage_url")
    @classmethod
    def _kept(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("memory:"):
            raise ValueError(
                "write a folder, `s3://...`, `gs://...` or `az://...`: workers could not see another process's memory"
            )
        return value

    @field_validator("rate_store_url", "remote_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        try:
            fits = value is None or urlsplit(value).port != 0
        except ValueError:
            fits = False
        if not fits:
            raise ValueError("its port is no number from 1 to 65535")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("write the provider's address, e.g. `https://login.example.org`")
        return value

    @field_validator("oidc_client_id", "oidc_client_secret")
    @classmethod
    def _known_there(cls, value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        if info.data.get("oidc_issuer") and not value:
            raise ValueError("the provider of SPARK_AVATAR_OIDC_ISSUER knows this server by it")
        return value

    @field_validator("split_seconds")
    @classmethod
    def _long_enough(cls, value: float) -> float:
        if 0 < value < _SHORTEST_SEGMENT:
            raise ValueError(f"give 0, or {_SHORTEST_SEGMENT:g} s at least")
        return value

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        """Links are made by putting paths behind it, and the console is served at its root: without a path."""
        if not value:
            return None
        if not is_origin(value):
            raise ValueError(
                "write scheme, host and port alone, e.g. `https://avatar.example.org`: the server answers at no path below a host"
            )
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str | None) -> str | None:
        """A password with signs that mean something in URLs would be taken for a part of the host, and be told in errors."""
        if not value:
            return None
        from sqlalchemy import make_url  # takes a while, and a local render needs none of it
        from sqlalchemy.exc import ArgumentError

        try:
            host = make_url(value).host or ""
        except (ArgumentError, ValueError):
            host = "@"
        if "@" in host:
            raise ValueError(
                "cannot be read: write `sqlite:///path` or `postgresql://USER:PASSWORD@HOST:5432/NAME`, "
                "and in the password `%40` for `@`, `%3A` for `:` and `%2F` for `/`"
            )
        return value

    @field_validator("fetch_allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if "/" in entry and not _is_network(entry):
                raise ValueError(f"{entry!r} is no network: {_HOSTS_OR_NETWORKS}")
            if not _is_network(entry) and not _HOST.fullmatch(entry):
                raise ValueError(f"{entry!r} is no host, so that nothing would match it: {_HOSTS_OR_NETWORKS}")
        return value

    @field_validator("prices", "comfyui_headers", mode="before")
    @classmethod
    def _object(cls, value: object) -> object:
        """Read here, as the library's own reader does not say which variable it is."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"write a JSON object ({error})") from error

    @field_validator("fetch_allow", "comfyui_urls", "fallback", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("models", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if any(not name.strip() or not engine.strip() for name, _, engine in pairs):
            raise ValueError("write MODEL=ENGINE, comma-separated")
        engines = {name.strip(): engine.strip() for name, _, engine in pairs}
        if len(engines) < len(pairs):
            raise ValueError("names a model twice: it can have one engine only")
        return engines
