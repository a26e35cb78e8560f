"""Any order of moves of tasks and money against a model: what each account has, holds and owes, and what each key spent."""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from ledger_house import LedgerHouse
from sqlalchemy import update
from task_store_contract import FAILURE, START, later, task

from spark_avatar.accounts.ledger.entries import BillingMode
from spark_avatar.database.engine import writing
from spark_avatar.database.schema import api_keys
from spark_avatar.errors import BudgetSpent, InsufficientBalance
from spark_avatar.schemas.identity import AccountId
from spark_avatar.tasks.store import SubmissionKey
from spark_avatar.tasks.task import Claim, TaskId, TaskStatus

QUEUED, RUNNING, COMPLETED, FAILED = TaskStatus
which = st.integers(0, 99)
amounts = st.integers(0, 30_000).map(lambda number: Decimal(number).scaleb(-4))
"""From nothing to three dollars."""


@dataclass
class Purse:
    """What the model knows of an account."""

    available: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    recharged: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)


@dataclass
class Ticket:
    """What the model knows of a task."""

    account: AccountId
    key: str
    hold: Decimal
    status: TaskStatus = QUEUED
    attempt: int = 0
    claims: list[Claim] = field(default_factory=list)
    cost: Decimal | None = None


class LedgerMoves(RuleBasedStateMachine):
    def __init__(self, engine, mode):
        super().__init__()
        self.house = LedgerHouse(engine, mode)
        self.mode = mode
        self.accounts = [AccountId(uuid.uuid4().hex) for _ in range(2)]
        self.purses = {account: Purse() for account in self.accounts}
        self.budgets: dict[str, Decimal | None] = {}
        self.tickets: dict[TaskId, Ticket] = {}
        self.gone: list[Ticket] = []
        self.words: dict[tuple[AccountId, str], TaskId] = {}
        for account in self.accounts:
            self.house.account(account)
            for budget in (None, "2"):
                key = f"{account}-{budget}"
                self.house.key(key, account, budget=budget)
                self.budgets[key] = None if budget is None else Decimal(budget)

    def teardown(self):
        """Leaves no open task: the next run uses the same database."""
        for task_id, ticket in self.tickets.items():
            if not ticket.status.ended:
                held = ticket.claims[-1] if ticket.status is RUNNING else None
                assert self.house.store.fail(task_id, held, FAILURE, metadata={}, now=later(9))
        assert self.house.faults() == []

    def key_total(self, key):
        """What counts against the key's budget."""
        mine = [ticket for ticket in [*self.tickets.values(), *self.gone] if ticket.key == key]
        return sum((ticket.hold if not ticket.status.ended else ticket.cost or Decimal(0) for ticket in mine), Decimal(0))

    def expected_refusal(self, ticket_account, key, more):
        """What must be raised when so much more is to be held."""
        purse = self.purses[ticket_account]
        if more <= 0:
            return None
        if self.mode is BillingMode.PREPAID and more > purse.available + purse.credit:
            return InsufficientBalance
        budget = self.budgets[key]
        if budget is not None and self.key_total(key) + more > budget:
            return BudgetSpent
        return None

    def attempt(self, refusal, call):
        """Calls; returns whether it went through. It must be refused exactly when the model says so."""
        if refusal is None:
            call()
            return True
        with pytest.raises(refusal):
            call()
        return False

    @rule(number=which, amount=st.integers(1, 50_000).map(lambda number: Decimal(number).scaleb(-4)))
    def recharge(self, number, amount):
        account = self.accounts[number % 2]
        self.house.ledger.recharge(account, amount)
        purse = self.purses[account]
        purse.available, purse.recharged = purse.available + amount, purse.recharged + amount

    @rule(number=which, limit=amounts)
    def set_credit(self, number, limit):
        account = self.accounts[number % 2]
        self.house.ledger.set_credit(account, limit)
        self.purses[account].credit = limit

    @rule(number=which, budget=st.none() | amounts)
    def set_budget(self, number, budget):
        key = list(self.budgets)[number % len(self.budgets)]
        with writing(self.house.engine) as connection:
            connection.execute(update(api_keys).where(api_keys.c.id == key).values(monthly_budget=budget))
        self.budgets[key] = budget

    @rule(number=which, hold=amounts, word=st.none() | st.sampled_from("ab"))
    def submit(self, number, hold, word):
        key = list(self.budgets)[number % len(self.budgets)]
        account = AccountId(key.rpartition("-")[0])
        made = task(uuid.uuid4().hex, account=account, key_id=key, seconds=len(self.tickets))
        if word is not None and (account, word) in self.words:
            first = self.house.store.add_once(made, _submission(word), hold=hold)
            assert first.id == self.words[account, word]
            return

        def add():
            if word is None:
                self.house.store.add(made, hold=hold)
            else:
                assert self.house.store.add_once(made, _submission(word), hold=hold).id == made.id

        if self.attempt(self.expected_refusal(account, key, hold), add):
            self.tickets[made.id] = Ticket(account, key, hold)
            self.move(account, hold)
            if word is not None:
                self.words[account, word] = made.id

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def claim(self, worker):
        taken = self.house.store.claim_next(worker, now=START, lease_until=START)
        assert (taken is not None) is any(ticket.status is QUEUED for ticket in self.tickets.values())
        if taken is not None:
            ticket = self.tickets[taken.id]
            ticket.status, ticket.attempt = RUNNING, taken.attempts
            ticket.claims.append(taken.claim)

    def pick(self, number):
        """A claim that was given out, stale or not, and whether it still holds."""
        given = [(task_id, held) for task_id, ticket in self.tickets.items() for held in ticket.claims]
        task_id, held = given[number % len(given)]
        ticket = self.tickets[task_id]
        return task_id, held, ticket, ticket.status is RUNNING and held == ticket.claims[-1]

    @precondition(lambda self: any(ticket.claims for ticket in self.tickets.values()))
    @rule(number=which, amount=amounts)
    def reserve(self, number, amount):
        task_id, held, ticket, holds = self.pick(number)
        if not holds:
            assert not self.house.store.reserve(task_id, held, amount, now=later(1))
            return
        more = amount - ticket.hold
        refusal = self.expected_refusal(ticket.account, ticket.key, more)
        if self.attempt(refusal, lambda: self.house.store.reserve(task_id, held, amount, now=later(1))):
            ticket.hold = amount
            self.move(ticket.account, more)

    @precondition(lambda self: any(ticket.claims for ticket in self.tickets.values()))
    @rule(number=which, share=st.integers(0, 100))
    def complete(self, number, share):
        task_id, held, ticket, holds = self.pick(number)
        cost = (ticket.hold * share / 100).quantize(Decimal("0.0001"))
        cost = min(cost, ticket.hold)
        lost_or_held = self.house.store.get(task_id).claim
        ended = self.house.complete(self.house.store.get(task_id) if holds else _with_claim(task_id, held), f"{cost:.4f}")
        assert ended is holds, lost_or_held
        if holds:
            purse = self.purses[ticket.account]
            purse.available += ticket.hold - cost
            purse.held -= ticket.hold
            purse.charged += cost
            ticket.status, ticket.cost = COMPLETED, cost

    @precondition(lambda self: any(ticket.claims for ticket in self.tickets.values()))
    @rule(number=which)
    def fail(self, number):
        task_id, held, ticket, holds = self.pick(number)
        assert self.house.store.fail(task_id, held, FAILURE, metadata={}, now=later(5)) is holds
        if holds:
            self.let_go(ticket)

    @precondition(lambda self: self.tickets)
    @rule(number=which)
    def cancel(self, number):
        task_id = list(self.tickets)[number % len(self.tickets)]
        ticket = self.tickets[task_id]
        assert self.house.store.fail(task_id, None, FAILURE, metadata={}, now=later(5)) is (ticket.status is QUEUED)
        if ticket.status is QUEUED:
            self.let_go(ticket)

    @precondition(lambda self: any(ticket.claims for ticket in self.tickets.values()))
    @rule(number=which)
    def hand_back(self, number):
        task_id, held, ticket, holds = self.pick(number)
        assert self.house.store.hand_back(task_id, held, count_attempt=True) is holds
        if holds:
            ticket.status = QUEUED

    @precondition(lambda self: self.tickets)
    @rule(number=which)
    def remove(self, number):
        task_id = list(self.tickets)[number % len(self.tickets)]
        ticket = self.tickets[task_id]
        assert self.house.store.remove(task_id) is ticket.status.ended
        if ticket.status.ended:
            self.gone.append(self.tickets.pop(task_id))
            self.words = {word: made for word, made in self.words.items() if made != task_id}

    def move(self, account, amount):
        """From available to held."""
        purse = self.purses[account]
        purse.available, purse.held = purse.available - amount, purse.held + amount

    def let_go(self, ticket):
        self.move(ticket.account, -ticket.hold)
        ticket.status = FAILED

    @invariant()
    def the_ledger_says_what_the_model_says(self):
        for account, purse in self.purses.items():
            balance = self.house.ledger.balance(account)
            assert (balance.available, balance.held) == (purse.available, purse.held)
            assert (balance.recharged, balance.credit_limit) == (purse.recharged, purse.credit)
            assert purse.available + purse.held + purse.charged == purse.recharged, "money neither comes nor goes"

    @invariant()
    def the_audit_is_content(self):
        assert self.house.faults() == []


def _submission(word):
    return SubmissionKey(key=word, fingerprint="f", used_since=START)


def _with_claim(task_id, held):
    return task(task_id, claim=held)


def check_ledger_moves(engine):
    """Runs the machine in both modes against a database without open tasks."""
    for mode in BillingMode:
        slow_disks = settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
            phases=[Phase.generate],  # shrinking takes minutes here; the steps are printed all the same
        )
        run_state_machine_as_test(lambda mode=mode: LedgerMoves(engine, mode), settings=slow_disks)
