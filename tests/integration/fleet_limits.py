"""Runs a command of the product with limits so low that a test meets them: `python fleet_limits.py python -m spark_avatar ...`.
The limits are constants of the product, which nobody needs to set.
"""

import os
import runpy
import sys

from spark_avatar.app import housekeeping
from spark_avatar.dispatch.celery_queue import broker

PLACES = {
    "KILL_SLACK_SECONDS": (housekeeping, float),
    "_CHILD_TASKS": (broker, int),
    "_CHILD_KILOBYTES": (broker, int),
}


def main() -> None:
    """Takes the limits from variables of the environment: `FLEET_LIMIT_` and the constant's name."""
    for name, (module, kind) in PLACES.items():
        assert hasattr(module, name)
        if (value := os.environ.get(f"FLEET_LIMIT_{name}")) is not None:
            setattr(module, name, kind(value))
    _, _python, _m, module_name, *arguments = sys.argv
    sys.argv = [module_name, *arguments]
    runpy.run_module(module_name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
