"""How the server stands, for those who run it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from spark_avatar.accounts.keys import Caller
from spark_avatar.dispatch.roster import Roster, WorkerRecord
from spark_avatar.engines.configured import EngineFinding
from spark_avatar.errors import NotAllowed
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.tasks.store import QueueFacts, TaskStore


@dataclass(frozen=True)
class SystemState:
    """One look."""

    checks: Mapping[str, bool]
    """What must hold before the server can take work, by name."""
    queue: QueueFacts
    queued_by_engine: Mapping[str, int]
    workers: list[WorkerRecord]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class SystemService:
    """Only for operators: every account's tasks are counted here."""

    store: TaskStore
    roster: Roster
    checks: Callable[[], Mapping[str, bool]]
    facts: Mapping[str, str]
    """Versions, and what the settings chose, in words without secrets."""
    ask_engines: Callable[[], Iterable[EngineFinding]]
    """Asks every remote engine whether it can work; may take seconds."""
    clock: Clock = utc_now

    def look(self, caller: Caller) -> SystemState:
        """How things stand now; raises `NotAllowed`."""
        _check(caller)
        return SystemState(
            checks=self.checks(),
            queue=self.store.queue_facts(now=self.clock()),
            queued_by_engine=self.store.queued_by_engine(),
            workers=sorted(self.roster.all(), key=lambda worker: worker.name),
            facts=self.facts,
        )

    def check_engines(self, caller: Caller) -> list[EngineFinding]:
        """What remote engines answer; raises `NotAllowed`."""
        _check(caller)
        return list(self.ask_engines())


def _check(caller: Caller) -> None:
    if not caller.operator:
        raise NotAllowed("Only those who run this server may see how it stands.")
