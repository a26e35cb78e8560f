"""How servers and workers log."""

from spark_avatar.database.patience import outage_in
from spark_avatar.errors import StorageMisconfigured, StorageUnavailable
from spark_avatar.telemetry import Logging, configure_logging


def begin_logging(logging: Logging) -> None:
    """For this process: what is away while chores are repeated takes a line, any other fault its traceback."""
    configure_logging(json=logging.json, level=logging.level, outage=_outage)


def _outage(error: BaseException) -> str | None:
    if isinstance(error, StorageUnavailable | StorageMisconfigured):
        return error.message
    return outage_in(error)
