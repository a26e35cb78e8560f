"""Any order of calls against a model of the store: who holds what, and which move each call may make."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from spark_avatar.tasks.task import (
    LEGAL_MOVES,
    AccountId,
    Claim,
    Task,
    TaskFailure,
    TaskId,
    TaskRequest,
    TaskStatus,
    TaskUsage,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEASE = NOW + timedelta(seconds=15)
QUEUED, RUNNING, COMPLETED, FAILED = TaskStatus

workers = st.sampled_from(["w1", "w2"])
which = st.integers(0, 99)


@dataclass
class Known:
    """What the model knows of a task."""

    created_at: datetime
    status: TaskStatus = QUEUED
    progress: float = 0.0
    attempts: int = 0
    worker: str | None = None
    claims: list[Claim] = field(default_factory=list)


class Moves(RuleBasedStateMachine):
    def __init__(self, store):
        super().__init__()
        self.store = store
        self.known = {}
        self.seen = {}

    def teardown(self):
        """Leaves no open task: the next run uses the same store."""
        for task_id, known in self.known.items():
            if known.status is QUEUED:
                assert self.store.fail(task_id, None, TaskFailure("x", "x"), metadata={}, now=NOW)
            if known.status is RUNNING:
                assert self.store.fail(task_id, known.claims[-1], TaskFailure("x", "x"), metadata={}, now=NOW)

    @rule(age=st.integers(0, 5))
    def add(self, age):
        task_id = TaskId(uuid.uuid4().hex)
        known = Known(created_at=NOW - timedelta(seconds=age))
        self.store.add(Task(task_id, AccountId("a"), "k", TaskRequest("m", "i", "a"), known.created_at))
        self.known[task_id] = known

    @rule(worker=workers)
    def claim(self, worker):
        waiting = [(known.created_at, task_id) for task_id, known in self.known.items() if known.status is QUEUED]
        task = self.store.claim_next(worker, now=NOW, lease_until=LEASE)
        if not waiting:
            assert task is None
            return
        assert (task.created_at, task.id) == min(waiting)
        known = self.known[task.id]
        known.status, known.worker, known.attempts = RUNNING, worker, known.attempts + 1
        known.claims.append(task.claim)

    def pick(self, number):
        """A claim that was given out, stale or not, and whether it still holds."""
        given = [(task_id, claim) for task_id, known in self.known.items() for claim in known.claims]
        task_id, claim = given[number % len(given)]
        known = self.known[task_id]
        holds = known.status is RUNNING and (known.worker, known.attempts) == (claim.worker, claim.attempt)
        return task_id, claim, known, holds

    @precondition(lambda self: any(known.claims for known in self.known.values()))
    @rule(number=which)
    def renew(self, number):
        task_id, claim, _, holds = self.pick(number)
        assert self.store.renew(task_id, claim, lease_until=LEASE) is holds

    @precondition(lambda self: any(known.claims for known in self.known.values()))
    @rule(number=which, progress=st.floats(0, 1))
    def report(self, number, progress):
        task_id, claim, known, holds = self.pick(number)
        assert self.store.report(task_id, claim, progress=progress, stage="render") is holds
        if holds:
            known.progress = max(known.progress, progress)

    @precondition(lambda self: any(known.claims for known in self.known.values()))
    @rule(number=which, counts=st.booleans())
    def hand_back(self, number, counts):
        task_id, claim, known, holds = self.pick(number)
        assert self.store.hand_back(task_id, claim, count_attempt=counts) is holds
        if holds:
            known.status, known.worker, known.attempts = QUEUED, None, known.attempts - (not counts)

    @precondition(lambda self: any(known.claims for known in self.known.values()))
    @rule(number=which)
    def complete(self, number):
        task_id, claim, known, holds = self.pick(number)
        usage = TaskUsage("0", 1.0, 1)
        assert self.store.complete(task_id, claim, outputs=[], usage=usage, metadata={}, now=NOW) is holds
        if holds:
            known.status, known.worker, known.progress = COMPLETED, None, 1.0

    @precondition(lambda self: any(known.claims for known in self.known.values()))
    @rule(number=which)
    def fail(self, number):
        task_id, claim, known, holds = self.pick(number)
        assert self.store.fail(task_id, claim, TaskFailure("x", "x"), metadata={}, now=NOW) is holds
        if holds:
            known.status, known.worker = FAILED, None

    @precondition(lambda self: self.known)
    @rule(number=which)
    def cancel(self, number):
        task_id = list(self.known)[number % len(self.known)]
        known = self.known[task_id]
        assert self.store.fail(task_id, None, TaskFailure("x", "x"), metadata={}, now=NOW) is (known.status is QUEUED)
        if known.status is QUEUED:
            known.status = FAILED

    @invariant()
    def the_record_is_what_the_model_says(self):
        for task_id, known in self.known.items():
            task = self.store.get(task_id)
            assert (task.status, task.progress, task.attempts) == (known.status, known.progress, known.attempts)
            assert (task.claim.worker if task.claim else None) == known.worker
            before = self.seen.get(task_id, task)
            assert task.status is before.status or (before.status, task.status) in LEGAL_MOVES
            assert task.progress >= before.progress
            self.seen[task_id] = task


def check_moves(store):
    """Runs the machine against a store without open tasks."""
    slow_disks = settings(
        max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    run_state_machine_as_test(lambda: Moves(store), settings=slow_disks)
