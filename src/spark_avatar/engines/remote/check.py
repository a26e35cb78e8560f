"""Whether the other server is there, has the model, and takes the key."""

from spark_avatar.engines.remote.configuration import RemoteConfiguration
from spark_avatar.engines.transport import Malformed, Transport, Unreachable


def check_remote(config: RemoteConfiguration) -> tuple[bool, str]:
    """Whether all is well, and what was found. Makes no task there: an unknown task is asked for, which only a key may do."""
    transport = Transport(config.url, {"Authorization": f"Bearer {config.key}"})
    try:
        answered = transport.get("/model/v1/generation/task/00000000-0000-0000-0000-000000000000").status
        known = transport.get(f"/api/v1/skill/models/{config.model}/spec").status
    except (Unreachable, Malformed) as fault:
        return False, str(fault)
    if answered in (401, 403):
        return False, f"it does not take the key (HTTP {answered})"
    if answered not in (200, 404):
        return False, f"it answers HTTP {answered} when it is asked for a task"
    if known == 404:
        return False, f"it has no model {config.model}"
    return True, f"it is there, takes the key, and has {config.model}"
