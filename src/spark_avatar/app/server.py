"""The server process: the ASGI app on its services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from spark_avatar.app.adapters import limits_of, storage_of
from spark_avatar.app.services import Services, build_services
from spark_avatar.config import Settings, traces_wanted
from spark_avatar.errors import StorageUnavailable
from spark_avatar.service.members import WELCOME_PATH
from spark_avatar.tasks.sql.demand import SqlDemandMeter
from spark_avatar.tasks.sql.totals import SqlStageTotals
from spark_avatar.telemetry import PLAIN_LOGGING, Logging, configure_logging
from spark_avatar.tracing import start_tracing
from spark_avatar.wiring import provenance_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prometheus_client import CollectorRegistry

    from spark_avatar.api.ports import Ports


def create_app(settings: Settings, logging: Logging = PLAIN_LOGGING) -> FastAPI:
    """The ASGI app; its lifespan starts and stops the services."""
    from prometheus_client import CollectorRegistry
    from starlette.concurrency import run_in_threadpool

    from spark_avatar.api.http import build_api
    from spark_avatar.api.metrics import DemandCollector, QueueCollector, StageCollector, WorkerCollector
    from spark_avatar.app.console import open_console

    services = build_services(settings, logging)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(services.start)
        try:
            yield
        finally:
            await run_in_threadpool(services.stop)

    registry = CollectorRegistry()
    registry.register(QueueCollector(lambda: services.store.queue_facts(now=datetime.now(UTC))))
    registry.register(StageCollector(SqlStageTotals(services.database).totals))
    registry.register(DemandCollector(SqlDemandMeter(services.database)))
    registry.register(WorkerCollector(services.roster.all))
    app = build_api(registry=registry, lifespan=lifespan)
    app.state.ports = _ports(services, registry)
    app.include_router(open_console(settings, services.storage))
    return app


def run_server(settings: Settings, *, host: str, port: int, log_json: bool, log_level: str) -> None:
    """Serves until SIGINT or SIGTERM, then drains; prints the address when it is ready. Port 0 picks a free one."""
    from spark_avatar.api.server import serve

    configure_logging(json=log_json, level=log_level)
    if traces_wanted():
        start_tracing()
    with suppress(StorageUnavailable):  # it may come back: until then the server is not ready
        storage_of(settings).check()
    provenance_of(settings).check()
    app = create_app(settings, Logging(json=log_json, level=log_level))
    ports: Ports = app.state.ports
    serve(app, host=host, port=port, on_stop=ports.stopping.set, greeting=lambda url: _welcome(ports, url))


def _welcome(ports: Ports, url: str) -> str:
    """While there is no user: the link that makes one, who owns the server. It works once, and until the next start."""
    code = ports.accounts.members.welcome_code()
    if code is None:
        return ""
    base = (ports.public_url or url).rstrip("/")
    return f"Nobody can sign in yet. Create the owner's account: {base}{WELCOME_PATH}?code={code}\n"


def _ports(services: Services, registry: CollectorRegistry) -> Ports:
    from spark_avatar.api.ports import ApiLimits, Ports
    from spark_avatar.api.rate_limits import RateLimits
    from spark_avatar.app.system import open_system

    settings = services.settings
    return Ports(
        generation=services.generation,
        tasks=services.tasks,
        analysis=services.analysis,
        system=open_system(services),
        webhooks=services.webhooks,
        webhook_endpoints=services.webhook_endpoints,
        account_data=services.account_data,
        files=services.files,
        models=services.catalog,
        authenticate=services.accounts.bearers.authenticate,
        accounts=services.accounts,
        billing=services.billing,
        checks=services.checks,
        limits=ApiLimits(limits_of(settings), settings.sync_seconds),
        rates=RateLimits.of(
            per_key=settings.rate_per_key, per_address=settings.rate_per_address, store_url=settings.rate_store_url
        ),
        scratch=services.housekeeping.scratch,
        public_url=settings.public_url,
        registry=registry,
    )
