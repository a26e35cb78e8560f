"""What a worker process does all day."""

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from spark_avatar.telemetry import Seldom

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0

_log = logging.getLogger(__name__)
Work = TypeVar("Work")


class LoopControl(Protocol):
    """What the loop needs of a `WorkerControl`."""

    @property
    def draining(self) -> bool:
        """Whether no further task may be taken."""
        ...

    def wait(self, seconds: float) -> None:
        """Until there may be work."""

    def ready(self) -> None:
        """The loop has begun."""

    def busy(self) -> None:
        """A task begins."""

    def idle(self) -> None:
        """A task has ended."""


def run_worker(
    claim: Callable[[], Work | None], run: Callable[[Work], None], control: LoopControl, *, poll_seconds: float = 0.5
) -> None:
    """Takes tasks and runs them, one after another, until told to drain.

    `claim` gives the next task, or None; it is asked when the server wakes this worker, and every `poll_seconds` all the
    same, so that a lost wake-up costs little. `run` ends every task that it is given, well or badly; what it raises is
    logged, and left to recovery. When `claim` fails (no database), the loop asks again, ever more rarely.
    """
    control.ready()
    pause, complaint = _FIRST_PAUSE_SECONDS, Seldom()
    while not control.draining:
        try:
            work = claim()
        except Exception:  # noqa: BLE001 - no fault of the store may end the worker
            if complaint.due():
                _log.exception("no task could be claimed")
            control.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            continue
        pause = _FIRST_PAUSE_SECONDS
        complaint.settle()
        if work is None:
            control.wait(poll_seconds)
        else:
            _run_one(work, run, control)


def _run_one(work: Work, run: Callable[[Work], None], control: LoopControl) -> None:
    control.busy()
    try:
        run(work)
    except Exception:  # noqa: BLE001 - nor may one of a task
        _log.exception("a task was left unfinished")
    finally:
        control.idle()
