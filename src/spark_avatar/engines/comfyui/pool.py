"""The servers: which of them are well, can run a workflow, and have least to do."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from filelock import FileLock

from spark_avatar.engines.comfyui.check import Report, check_workflow
from spark_avatar.engines.comfyui.client import ComfyClient, Refused
from spark_avatar.engines.comfyui.configuration import ComfyConfiguration, Drained, ServerAddress, none_is_drained
from spark_avatar.engines.comfyui.notes import CLIENT_PREFIX
from spark_avatar.engines.comfyui.places import Places
from spark_avatar.engines.comfyui.workflow import Workflow
from spark_avatar.engines.transport import Malformed, Transport, Unreachable
from spark_avatar.errors import TaskCreationError

FAULTS: Final = (Unreachable, Malformed, Refused)
"""Everything that a call may raise."""
_TRIP: Final = 3
_OPEN_SECONDS: Final = 10.0
"""A server that failed so often in a row is left alone for so long, then tried again."""
_DESCRIBED_SECONDS: Final = 300.0
_WAIT_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


class CircuitBreaker:
    """Keeps away from a server that fails."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._opened = float("-inf")

    @property
    def closed(self) -> bool:
        """Whether the server may be asked. After a while one may try again; a further failure opens the circuit at once."""
        return self._failures < _TRIP or self._clock() - self._opened >= _OPEN_SECONDS

    def succeeded(self) -> None:
        """The server brought a job to its end; that it answers at all would not be enough."""
        self._failures = 0

    def failed(self) -> None:
        """It did not."""
        self._failures += 1
        self._opened = self._clock()


class Server:
    """One server as a worker process knows it."""

    def __init__(self, number: int, address: ServerAddress, config: ComfyConfiguration) -> None:
        self.number = number
        """From 1, in the order of the settings: how users are told of it, who need not know its address."""
        self.address = address
        self.client = ComfyClient(Transport(address.url, config.headers, config.answer_seconds, config.reach))
        self.breaker = CircuitBreaker()
        self.places = Places(config.state_dir, address)
        self._described: dict[str, dict[str, Any] | None] = {}
        self._described_at = float("-inf")

    def check(self, workflow: Workflow) -> Report:
        """What keeps the workflow from running here. Raises the client's faults."""
        return check_workflow(workflow, self._describe)

    def report(self, workflow: Workflow) -> tuple[bool, str]:
        """Whether the workflow can run here, and what was found, for the operator."""
        try:
            stats = self.client.system_stats()
            found = self.check(workflow)
        except FAULTS as fault:
            return False, f"it answers {fault}" if isinstance(fault, Refused) else str(fault)
        system = stats.get("system")
        version = system.get("comfyui_version", "") if isinstance(system, dict) else ""
        return found.fine, f"ComfyUI {version}: {found.text()}"

    def forget(self) -> None:
        """The server may have another set of nodes now."""
        self._described_at = float("-inf")

    def _describe(self, class_type: str) -> dict[str, Any] | None:
        if time.monotonic() - self._described_at > _DESCRIBED_SECONDS:
            self._described, self._described_at = {}, time.monotonic()
        if class_type not in self._described:
            self._described[class_type] = self.client.node_description(class_type)
        return self._described[class_type]


@dataclass(frozen=True)
class _Survey:
    """The servers that could take a job now, least busy first, and why the others could not."""

    able: tuple[Server, ...]
    reasons: tuple[str, ...]
    full: bool
    """Whether one of the others has no room now."""
    away: bool
    """Whether one of the others does not answer now."""


@dataclass(frozen=True)
class _Standing:
    """What a server said of itself."""

    load: float = 0.0
    """Jobs per place, everybody's."""
    full: bool = False
    """Whether as many of our jobs are there as may be, whichever worker handed them over."""
    reason: str = ""
    """Why it takes no job."""
    away: bool = False
    """Whether that may change within seconds."""


class ServerPool:
    """All servers of one worker process."""

    def __init__(self, config: ComfyConfiguration, drained: Drained = none_is_drained) -> None:
        self.config = config
        self.drained = drained
        self.servers = tuple(Server(number, address, config) for number, address in enumerate(config.servers, 1))

    def server(self, url: str) -> Server | None:
        """The server at the address; None when it is no longer one of the pool."""
        return next((server for server in self.servers if server.address.url == url), None)

    @contextmanager
    def place(
        self, workflow: Workflow, *, checkpoint: Callable[[], None], deadline: float, avoid: Collection[Server] = ()
    ) -> Iterator[Server]:
        """A place on the server that can run the workflow and has the shortest queue; waits while all places are taken.

        Raises `TaskCreationError` when no server can run it or none has room before the deadline, and what `checkpoint`
        raises.
        """
        server, lock = self._find(workflow, checkpoint, deadline, avoid)
        try:
            yield server
        finally:
            lock.release()

    def _find(
        self, workflow: Workflow, checkpoint: Callable[[], None], deadline: float, avoid: Collection[Server]
    ) -> tuple[Server, FileLock]:
        patience_ends = time.monotonic() + (0 if avoid else self.config.patience_seconds)
        while True:
            survey = self._survey(workflow, avoid)
            if not survey.able and not survey.full and not (survey.away and time.monotonic() < patience_ends):
                reasons = "; ".join(survey.reasons) or "there is none"
                raise TaskCreationError(f"No ComfyUI server can take the job: {reasons}.")
            for server in survey.able:
                lock = server.places.take()
                if lock is not None:
                    return server, lock
            if time.monotonic() > deadline:
                raise TaskCreationError("No ComfyUI server had room for the job in time.")
            checkpoint()
            time.sleep(_WAIT_SECONDS)

    def _survey(self, workflow: Workflow, avoid: Collection[Server]) -> _Survey:
        found = {server: self._ask(server, workflow) for server in self.servers if server not in avoid}
        able = [server for server, standing in found.items() if not (standing.reason or standing.full)]
        random.shuffle(able)  # evens the load between those that have equally much to do
        return _Survey(
            able=tuple(sorted(able, key=lambda server: found[server].load)),
            reasons=tuple(f"server {server.number}: {standing.reason}" for server, standing in found.items() if standing.reason),
            full=any(standing.full for standing in found.values()),
            away=any(standing.away for standing in found.values()),
        )

    def _ask(self, server: Server, workflow: Workflow) -> _Standing:
        return _Standing(reason="it is drained") if self.drained(server.address.url) else _ask(server, workflow)


def _ask(server: Server, workflow: Workflow) -> _Standing:
    if not server.breaker.closed:
        return _Standing(reason="it failed several times and is left alone for a while", away=True)
    try:
        server.client.system_stats()
        report = server.check(workflow)
        queue = server.client.queue()
    except FAULTS as fault:
        server.breaker.failed()
        server.forget()
        _log.warning("a ComfyUI server does not answer", extra={"server": server.address.url, "fault": str(fault)})
        return _Standing(reason=f"it answers {fault}" if isinstance(fault, Refused) else str(fault), away=True)
    if not report.fine:
        _log.warning("a ComfyUI server cannot run a workflow", extra={"server": server.address.url, "workflow": workflow.id})
        server.forget()
        return _Standing(reason=report.text())
    places = server.address.concurrency
    ours = sum(client.startswith(CLIENT_PREFIX) for client in queue.clients)
    return _Standing(load=len(queue) / places, full=ours >= places)
