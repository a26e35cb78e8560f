"""The ASGI app of the API: routes, error forms and middleware around the ports."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from spark_avatar import __version__
from spark_avatar.api import (
    account_data,
    analysis,
    audit,
    billing,
    device_login,
    generation,
    health,
    keys,
    links,
    members,
    models,
    provider_sign_in,
    queue,
    sessions,
    stream,
    system,
    task_cards,
    tasks,
    uploads,
    verification,
    webhook_endpoints,
    webhooks,
)
from spark_avatar.api.metrics import HttpMetrics
from spark_avatar.api.middleware import RequestContext
from spark_avatar.api.openapi import install_description
from spark_avatar.api.problems import install_handlers
from spark_avatar.api.spellings import SlashAtTheEnd
from spark_avatar.schemas.problem import ErrorBody

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
_ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}


def build_api(*, registry: CollectorRegistry, lifespan: Lifespan | None = None) -> FastAPI:
    """The app. Whoever starts it sets `app.state.ports` before the first request; `registry` holds its metrics.

    The interactive pages are off: they load scripts from other hosts. `/openapi.json` is served.
    """
    app = FastAPI(
        title="Spark Avatar",
        version=__version__,
        summary="One portrait and one recording in, a lip-synced talking video out.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=_ERRORS,
        # `tracing` and `HttpMetrics` do this: the framework need not look for it at every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    # Paths are compared one after the other: those that are called most come first.
    for part in (
        generation,
        sessions,
        provider_sign_in,
        members,
        keys,
        audit,
        device_login,
        account_data,
        webhook_endpoints,
        billing,
        analysis,
        task_cards,
        system,
        tasks,
        stream,
        queue,
        webhooks,
        uploads,
        verification,
        links,
        models,
        health,
    ):
        app.include_router(part.routes)
    app.router.default = SlashAtTheEnd(app.router)
    install_handlers(app)
    install_description(app)
    app.add_middleware(RequestContext, metrics=HttpMetrics(registry))
    return app
