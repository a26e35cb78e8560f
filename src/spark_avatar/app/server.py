"""The server process: the ASGI app on its services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004 - none of the builtin is meant

from spark_avatar.app.adapters import database_url_of, storage_of
from spark_avatar.app.logs import begin_logging
from spark_avatar.app.services import Services, build_services
from spark_avatar.app.start import PatientStart
from spark_avatar.config import Settings, traces_wanted
from spark_avatar.database.migrate import upgrade
from spark_avatar.database.patience import is_away, is_full
from spark_avatar.errors import DatabaseUnavailable, MalformedRequest, StorageUnavailable
from spark_avatar.service.members import WELCOME_PATH
from spark_avatar.tasks.sql.demand import SqlDemandMeter
from spark_avatar.tasks.sql.totals import SqlStageTotals
from spark_avatar.telemetry import PLAIN_LOGGING, Logging, Seldom
from spark_avatar.tracing import start_tracing
from spark_avatar.wiring import limits_of, provenance_of

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response
    from prometheus_client import CollectorRegistry

    from spark_avatar.api.ports import Ports

_log = structlog.stdlib.get_logger(__name__)
_NUL = "NUL (0x00)"
"""In the words of PostgreSQL's driver for a text that it does not send."""


def create_app(settings: Settings, logging: Logging = PLAIN_LOGGING) -> FastAPI:
    """The ASGI app; its lifespan starts and stops the services."""
    from prometheus_client import CollectorRegistry
    from starlette.concurrency import run_in_threadpool

    from spark_avatar.api.http import build_api
    from spark_avatar.api.metrics import DemandCollector, QueueCollector, StageCollector, WorkerCollector
    from spark_avatar.app.console import install_console

    services = build_services(settings, logging)
    start = PatientStart(services)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(start.begin)
        try:
            yield
        finally:
            await run_in_threadpool(start.end)

    registry = CollectorRegistry()
    registry.register(QueueCollector(lambda: services.store.queue_facts(now=datetime.now(UTC))))
    registry.register(StageCollector(SqlStageTotals(services.database).totals))
    registry.register(DemandCollector(SqlDemandMeter(services.database)))
    registry.register(WorkerCollector(services.roster.all))
    app = build_api(registry=registry, lifespan=lifespan)
    app.state.ports = _ports(services, registry)
    app.state.start = start
    install_database_answers(app)
    install_console(app, settings, services.storage)
    return app


def run_server(settings: Settings, *, host: str, port: int, log_json: bool, log_level: str) -> None:
    """Serves until SIGINT or SIGTERM, then drains; prints the address when it is ready. Port 0 picks a free one."""
    from spark_avatar.api.server import serve

    logging = Logging(json=log_json, level=log_level)
    begin_logging(logging)
    if traces_wanted():
        start_tracing()
    with suppress(StorageUnavailable):  # it may come back: until then the server is not ready
        storage_of(settings).check()
    provenance_of(settings).check()
    if make_url(url := database_url_of(settings)).get_backend_name() == "sqlite":
        upgrade(url)  # nobody is waited for, and what is wrong with a file is told in one line
    app = create_app(settings, logging)
    ports: Ports = app.state.ports
    start: PatientStart = app.state.start

    def greeting(url: str) -> str:
        return start.greet(lambda: _welcome(ports, url) + _key_hint(start.services))

    serve(app, host=host, port=port, client_seconds=settings.client_seconds, on_stop=ports.stopping.set, greeting=greeting)


def install_database_answers(app: FastAPI) -> None:
    """503 for a call that the database did not answer, 400 for a text that it does not take; other faults of it are ours."""
    from spark_avatar.api.problems import answer_error

    no_room = Seldom()

    def answer(request: Request, error: Exception) -> Response:
        if is_full(error):
            if no_room.due():
                _log.error("the database's disk is full: nothing is stored")
            return answer_error(
                request, DatabaseUnavailable("The server has no room for new tasks and records now: try again later.")
            )
        if is_away(error):
            return answer_error(request, DatabaseUnavailable("The database does not answer: try again later."))
        if isinstance(error, DBAPIError) and _NUL in str(error.orig):
            return answer_error(request, MalformedRequest("The request holds a NUL character: leave it out."))
        raise error

    for fault in (DBAPIError, TimeoutError):
        app.add_exception_handler(fault, answer)


def _welcome(ports: Ports, url: str) -> str:
    """While there is no user: the link that makes one, who owns the server. It works once, and until the next start."""
    code = ports.accounts.members.welcome_code()
    if code is None:
        return ""
    base = (ports.public_url or url).rstrip("/")
    return f"Nobody can sign in yet. Create the owner's account: {base}{WELCOME_PATH}?code={code}\n"


def _key_hint(services: Services) -> str:
    """While there is no API key: how to make one."""
    if services.keys.list():
        return ""
    settings = services.settings
    where = f" --data-dir {settings.data_dir}" if "data_dir" in settings.model_fields_set else ""
    return f"There is no API key yet. Beside this server: spark-avatar keys create --name laptop{where}\n"


def _ports(services: Services, registry: CollectorRegistry) -> Ports:
    from spark_avatar.api.ports import ApiLimits, Ports
    from spark_avatar.api.rate_limits import RateLimits
    from spark_avatar.app.system import open_system

    settings = services.settings
    return Ports(
        generation=services.generation,
        tasks=services.tasks,
        analysis=services.analysis,
        verification=services.verification,
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
        started=services.started.is_set,
        limits=ApiLimits(limits_of(settings), settings.sync_seconds),
        rates=RateLimits.of(
            per_key=settings.rate_per_key, per_address=settings.rate_per_address, store_url=settings.rate_store_url
        ),
        scratch=services.housekeeping.scratch,
        public_url=settings.public_url,
        registry=registry,
    )
