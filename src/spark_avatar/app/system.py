"""The system service on the server's adapters."""

from __future__ import annotations

import platform
from functools import partial
from typing import TYPE_CHECKING

from spark_avatar import __version__
from spark_avatar.app.broker import broker_url_of
from spark_avatar.service.system import SystemService
from spark_avatar.tasks.sql.drained_servers import DrainedServers
from spark_avatar.wiring import check_engines

if TYPE_CHECKING:
    from spark_avatar.app.services import Services


def open_system(services: Services) -> SystemService:
    """How this server stands."""
    ask = partial(check_engines, services.settings, DrainedServers(services.database).drained)
    return SystemService(services.store, services.roster, services.checks, _facts(services), ask)


def _facts(services: Services) -> dict[str, str]:
    settings = services.settings
    broker, workers = broker_url_of(settings), settings.workers
    return {
        "Spark Avatar": __version__,
        "Python": platform.python_version(),
        "System": f"{platform.system()} {platform.machine()}",
        "Database": services.database.dialect.name,
        "Storage": (settings.storage_url or "file").partition(":")[0],
        "Workers": f"{workers} in this server" if broker is None else f"by {broker.partition(':')[0]}",
        "Default engine": settings.default_engine,
        "Models": ", ".join(model.id for model in services.catalog.all()),
        "Kept": f"{settings.keep_days:g} days" if settings.keep_days else "until deleted",
        "Public address": settings.public_url or "taken from each request",
    }
