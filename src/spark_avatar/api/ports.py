"""What the API needs from the rest of the house, put together by `app`."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request
from prometheus_client import CollectorRegistry

from spark_avatar.accounts.keys import Caller
from spark_avatar.api.rate_limits import RateLimits
from spark_avatar.media.limits import MediaLimits
from spark_avatar.service.account_data import AccountData
from spark_avatar.service.accounts import AccountServices
from spark_avatar.service.analysis import AnalysisService
from spark_avatar.service.billing import BillingService
from spark_avatar.service.files import FileService
from spark_avatar.service.generation import GenerationService
from spark_avatar.service.models import ModelCatalog
from spark_avatar.service.system import SystemService
from spark_avatar.service.tasks import TaskService
from spark_avatar.service.verification import VerificationService
from spark_avatar.service.webhook_endpoints import WebhookEndpoints
from spark_avatar.service.webhooks import WebhookDeliverer

_JSON_SLACK_BYTES = 64 * 1024


@dataclass(frozen=True)
class ApiLimits:
    """How much a request may carry, and how long a synchronous one may wait."""

    media: MediaLimits
    sync_seconds: float = 300.0

    @property
    def json_bytes(self) -> int:
        """Both inputs may come inside the body as data: URLs, in base64."""
        return (self.media.image_bytes + self.media.audio_bytes) * 4 // 3 + _JSON_SLACK_BYTES

    @property
    def upload_bytes(self) -> int:
        """One file, whichever it is."""
        return max(self.media.image_bytes, self.media.audio_bytes)


@dataclass(frozen=True)
class Ports:
    """The use cases and facts behind the routes. The calls block: routes make them in worker threads."""

    generation: GenerationService
    tasks: TaskService
    analysis: AnalysisService
    verification: VerificationService
    system: SystemService
    webhooks: WebhookDeliverer
    webhook_endpoints: WebhookEndpoints
    account_data: AccountData
    files: FileService
    models: ModelCatalog
    authenticate: Callable[[str, str], Caller]
    """Takes an API key or an access token, and the address that shows it; raises `NotAuthenticated`."""
    accounts: AccountServices
    billing: BillingService
    checks: Callable[[], Mapping[str, bool]]
    """What must hold before the server can take work, by name."""
    limits: ApiLimits
    started: Callable[[], bool]
    """Whether the database has answered since this server started; before, only its probes are answered."""
    scratch: Path
    """An existing folder for uploads under way."""
    rates: RateLimits = field(default_factory=RateLimits)
    public_url: str | None = None
    """How clients reach this server; by default taken from each request."""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the server is about to stop: long answers end soon, and say how to go on."""


def ports_behind(request: Request) -> Ports:
    """The ports of the app that serves this request."""
    ports: Ports = request.app.state.ports
    return ports


async def ports_of(request: Request) -> Ports:
    """As `ports_behind`, for routes that depend on them."""
    return ports_behind(request)


def base_url(ports: Ports, request: Request) -> str:
    """The address that links begin with, without a slash at its end."""
    return (ports.public_url or str(request.base_url)).rstrip("/")
