"""Settings -> who is told that a task waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spark_avatar.app.adapters import database_url_of
from spark_avatar.config import Settings
from spark_avatar.errors import ConfigurationError, LibraryMissing

if TYPE_CHECKING:
    from spark_avatar.dispatch.celery_queue.dispatcher import CeleryDispatcher


def broker_url_of(settings: Settings) -> str | None:
    """Where one is set. Raises `ConfigurationError` where the other settings do not fit several machines."""
    if settings.broker_url is None:
        return None
    if not settings.broker_url.get_secret_value().startswith(("amqp://", "amqps://")):
        raise ConfigurationError("SPARK_AVATAR_BROKER_URL must be a RabbitMQ: amqp://USER:PASSWORD@HOST:5672/VHOST")
    if database_url_of(settings).startswith("sqlite"):
        raise ConfigurationError("a broker is for several machines: set SPARK_AVATAR_DATABASE_URL=postgresql://... too")
    if settings.secret_key is None:
        raise ConfigurationError(
            "with a broker, set SPARK_AVATAR_SECRET_KEY to the same long random text for every server and worker: "
            "links that one signs are checked by the others"
        )
    return settings.broker_url.get_secret_value()


def open_dispatcher(settings: Settings) -> CeleryDispatcher:
    """Tells workers through the broker, which must be set. Raises `ConfigurationError`."""
    with _celery(settings) as url:
        from spark_avatar.dispatch.celery_queue.dispatcher import CeleryDispatcher
    return CeleryDispatcher(url, default_engine=settings.default_engine)


def ask_broker(settings: Settings) -> str:
    """What answers at the broker's address, which must be set; for `doctor`. Raises `ConfigurationError`, and
    what the driver raises where nothing answers, or refuses.
    """
    with _celery(settings) as url:
        from spark_avatar.dispatch.celery_queue import broker
    return broker.ask_broker(url)


@contextmanager
def _celery(settings: Settings) -> Iterator[str]:
    """The broker's address, around the import of what needs Celery. Raises `LibraryMissing` where that is not installed."""
    url = broker_url_of(settings)
    assert url is not None
    try:
        yield url
    except ModuleNotFoundError as missing:
        raise LibraryMissing("A broker needs Celery") from missing
