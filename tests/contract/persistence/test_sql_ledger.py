"""The ledger in both databases: what is held, charged and given back, and what no race can do."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from ledger_house import LedgerHouse
from ledger_moves import check_ledger_moves
from ledger_processes import add_many
from sqlalchemy import event, text, update
from sqlalchemy.exc import IntegrityError
from task_store_contract import ANNA, FAILURE, KEY, OTTO, OUTPUT, claim, fail, later, task

from spark_avatar.accounts.keys import KeyTerms
from spark_avatar.accounts.ledger.entries import BillingMode, EntryKind, EntryMark
from spark_avatar.accounts.ledger.usage import UsageGroup
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.database.engine import writing
from spark_avatar.database.schema import balances, holds, ledger_postings, usage_records
from spark_avatar.errors import BudgetSpent, InsufficientBalance, InvalidOptions, TaskNotFound
from spark_avatar.tasks.task import TaskStatus

spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def house(engine):
    made = LedgerHouse(engine)
    yield made
    assert made.faults() == [], "every test leaves the books in order"


@pytest.fixture
def postpaid(engine):
    made = LedgerHouse(engine, BillingMode.POSTPAID)
    yield made
    assert made.faults() == []


def test_a_completed_task_is_charged_out_of_its_hold(house):
    house.account(balance="1")
    house.store.add(task(), hold=Decimal("0.3"))
    assert house.stands() == ("0.700000", "0.300000")
    assert house.complete(claim(house.store), "0.1234")
    assert house.stands() == ("0.876600", "0.000000")
    assert house.kinds() == ["recharge", "hold", "capture"]
    amounts = [entry.amount for entry in reversed(house.ledger.entries(ANNA, limit=9))]
    assert amounts == [Decimal(1), Decimal(0), Decimal("-0.1234")]


def test_whoever_fails_or_is_cancelled_pays_nothing(house):
    house.account(balance="1")
    for name in ("cancelled", "failed"):
        house.store.add(task(name), hold=Decimal("0.3"))
    assert house.store.fail(task("cancelled").id, None, FAILURE, metadata={}, now=later(5))
    assert fail(house.store, claim(house.store))
    assert house.stands() == ("1.000000", "0.000000")
    assert house.kinds() == ["recharge", "hold", "hold", "release", "release"]


def test_a_second_attempt_is_held_for_once_and_charged_once(house):
    house.account(balance="1")
    house.store.add(task(), hold=Decimal("0.3"))
    lost = claim(house.store)
    assert house.store.reserve(lost.id, lost.claim, Decimal("0.2"), now=later(1))
    assert house.store.hand_back(lost.id, lost.claim, count_attempt=True)
    assert house.stands() == ("0.800000", "0.200000")
    again = claim(house.store, "w2")
    assert house.store.reserve(again.id, again.claim, Decimal("0.2"), now=later(2))
    assert not house.store.reserve(lost.id, lost.claim, Decimal("0.9"), now=later(2)), "the claim is void"
    assert not house.complete(lost, "0.1000")
    assert house.complete(again, "0.1000")
    assert not house.complete(again, "0.1000")
    assert house.stands() == ("0.900000", "0.000000")
    assert house.kinds() == ["recharge", "hold", "adjustment", "capture"]


def test_nothing_is_accepted_that_the_balance_does_not_cover(house):
    house.account(balance="0.5")
    with pytest.raises(InsufficientBalance) as refused:
        house.store.add(task(), hold=Decimal("0.5001"))
    assert refused.value.facts == {"needed": "0.5001", "spendable": "0.5000"}
    with pytest.raises(TaskNotFound):
        house.store.get(task().id)
    house.store.add(task(), hold=Decimal("0.5"))
    assert house.stands() == ("0.000000", "0.500000")


def test_an_account_without_a_balance_has_nothing_to_spend(house):
    house.account()
    with pytest.raises(InsufficientBalance):
        house.store.add(task(), hold=Decimal("0.0001"))
    house.store.add(task(), hold=Decimal(0))
    assert house.kinds() == []
    assert house.ledger.balance(ANNA).balance == 0


def test_credit_can_be_spent_and_not_a_cent_more(house):
    house.account(balance="0.1", credit="0.2")
    house.store.add(task("a"), hold=Decimal("0.3"))
    with pytest.raises(InsufficientBalance):
        house.store.add(task("b"), hold=Decimal("0.0001"))
    assert house.complete(claim(house.store), "0.3000")
    balance = house.ledger.balance(ANNA)
    assert (balance.available, balance.spendable, balance.arrears) == (Decimal("-0.2"), 0, Decimal("0.2"))


def test_a_recording_that_turns_out_too_long_is_refused_and_the_hold_stays_as_it_was(house):
    house.account(balance="0.5")
    house.store.add(task(), hold=Decimal("0.3"))
    held = claim(house.store)
    with pytest.raises(InsufficientBalance, match=r"may cost \$0\.6000, and the account has \$0\.5000 left") as refused:
        house.store.reserve(held.id, held.claim, Decimal("0.6"), now=later(1))
    assert refused.value.facts == {"needed": "0.6000", "spendable": "0.5000"}, "the whole task, and what it holds already"
    assert house.stands() == ("0.200000", "0.300000")
    assert fail(house.store, held)
    assert house.stands() == ("0.500000", "0.000000")


def test_no_more_is_charged_than_is_held(house):
    house.account(balance="5")
    house.store.add(task(), hold=Decimal("0.3"))
    held = claim(house.store)
    with pytest.raises(ValueError, match=r"0\.4"):
        house.complete(held, "0.4000")
    assert house.store.get(held.id).status is TaskStatus.RUNNING
    assert house.stands() == ("4.700000", "0.300000")


def test_postpaid_accounts_owe_what_they_use(postpaid):
    postpaid.account()
    postpaid.store.add(task(), hold=Decimal("0.3"))
    assert postpaid.complete(claim(postpaid.store), "0.2000")
    assert postpaid.stands() == ("-0.200000", "0.000000")
    assert postpaid.ledger.balance(ANNA).arrears == Decimal("0.2")


def test_what_costs_nothing_leaves_a_record_and_no_entry(house):
    house.account()
    house.store.add(task())
    assert house.complete(claim(house.store), "0.0000", outputs=[OUTPUT])
    assert house.kinds() == []
    (total,) = house.usage.usage(ANNA, first=date(2026, 3, 1), last=date(2026, 3, 1), groups=())
    assert (total.tasks, total.cost, total.compute_units, total.seconds) == (1, 0, 17, 4.96)


def test_a_keys_budget_is_for_a_month_and_for_the_key(house):
    house.account(balance="10")
    house.key("k", budget="1")
    house.key("other")
    house.store.add(task("a"), hold=Decimal("0.6"))
    with pytest.raises(BudgetSpent) as refused:
        house.store.add(task("b"), hold=Decimal("0.5"))
    assert refused.value.facts == {"needed": "0.5000", "budget_left": "0.4000"}
    house.store.add(task("b", key_id="other"), hold=Decimal("0.5"))
    assert house.complete(claim(house.store), "0.2000")
    house.store.add(task("c", seconds=1), hold=Decimal("0.8"))
    with pytest.raises(BudgetSpent):
        house.store.add(task("d"), hold=Decimal("0.0001"))
    april = datetime(2026, 4, 1, tzinfo=UTC)
    house.store.add(task("d", created_at=april), hold=Decimal("0.9"))
    assert house.stands() == ("7.600000", "2.200000")


def rotated(house, budget):
    """A key, and the one that took its place; both are live."""
    keys = SqlKeyStore(house.engine)
    old, _ = keys.create("n", account=ANNA, terms=KeyTerms(monthly_budget=Decimal(budget)))
    new, _ = keys.rotate(old.id, ANNA, grace=timedelta(hours=1))
    return old.id, new.id


def test_a_key_does_not_get_a_fresh_budget_by_rotation(house):
    house.account(balance="10")
    old, new = rotated(house, "1")
    house.store.add(task("a", key_id=old), hold=Decimal("0.6"))
    with pytest.raises(BudgetSpent) as refused:
        house.store.add(task("b", key_id=new), hold=Decimal("0.5"))
    assert refused.value.facts == {"needed": "0.5000", "budget_left": "0.4000"}
    assert house.complete(claim(house.store), "0.5000")
    house.store.add(task("b", key_id=new), hold=Decimal("0.4"))
    with pytest.raises(BudgetSpent):
        house.store.add(task("c", key_id=old), hold=Decimal("0.2"))
    house.store.add(task("c", key_id=old), hold=Decimal("0.1"))
    assert house.faults() == []


def test_a_key_and_its_successor_at_once_spend_a_budget_for_ten_exactly(house):
    house.account(balance="100")
    line = rotated(house, "10.5")

    def add(number):
        try:
            house.store.add(task(f"t{number}", key_id=line[number % 2]), hold=Decimal(1))
        except BudgetSpent:
            return 0
        return 1

    with ThreadPoolExecutor(25) as threads:
        assert sum(threads.map(add, range(50))) == 10
    assert house.stands() == ("90.000000", "10.000000")


def test_a_longer_recording_is_checked_against_the_budget_too(house):
    house.account(balance="10")
    house.key(budget="1")
    house.store.add(task(), hold=Decimal("0.6"))
    held = claim(house.store)
    with pytest.raises(BudgetSpent, match=r"may cost \$1\.1000, and the API key has \$1\.0000 of its budget") as refused:
        house.store.reserve(held.id, held.claim, Decimal("1.1"), now=later(1))
    assert refused.value.facts == {"needed": "1.1000", "budget_left": "1.0000"}, "the whole task, and what it holds already"
    assert house.stands() == ("9.400000", "0.600000")
    assert house.store.reserve(held.id, held.claim, Decimal(1), now=later(1))


def test_a_repeated_request_is_held_for_once(house):
    house.account(balance="1")
    first = house.store.add_once(task("a"), KEY, hold=Decimal("0.3"))
    assert house.store.add_once(task("b"), KEY, hold=Decimal("0.3")) == first
    assert house.stands() == ("0.700000", "0.300000")
    with pytest.raises(InsufficientBalance):
        house.store.add_once(task("c"), replace(KEY, key="other"), hold=Decimal(1))
    assert house.store.made_with(ANNA, replace(KEY, key="other")) is None


def test_storing_a_task_with_all_that_it_may_have_takes_eight_statements(house, engine):
    house.account(balance="1")
    house.key(budget="1")
    house.store.add(task("first"), hold=Decimal("0.1"))
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    told = replace(task("t"), request=replace(task().request, webhook_url="https://example.org/hook"))
    house.store.add_once(told, KEY, hold=Decimal("0.1"), staged=False)
    written = [statement.split()[:3] for statement in statements if not statement.startswith("BEGIN")]
    assert [" ".join(words) for words in written] == [
        "INSERT INTO idempotency_keys",
        "INSERT INTO tasks",
        "INSERT INTO webhooks",
        "UPDATE balances SET",
        "UPDATE key_spending SET",
        "INSERT INTO holds",
        "INSERT INTO ledger_entries",
        "INSERT INTO ledger_postings",
    ]


def test_fifty_requests_at_once_spend_a_balance_for_ten_exactly(house):
    house.account(balance="10.5")

    def add(number):
        try:
            house.store.add(task(f"t{number}"), hold=Decimal(1))
        except InsufficientBalance:
            return 0
        return 1

    with ThreadPoolExecutor(25) as threads:
        assert sum(threads.map(add, range(50))) == 10
    assert house.stands() == ("0.500000", "10.000000")


def test_four_processes_at_once_spend_a_budget_for_ten_exactly(house, database_url):
    house.account(balance="100")
    house.key(budget="10.5")
    start, results = spawn.Barrier(4), spawn.Queue()
    processes = [spawn.Process(target=add_many, args=(database_url, f"p{n}", 20, start, results)) for n in range(4)]
    for process in processes:
        process.start()
    assert sum(results.get(timeout=60) for _ in processes) == 10
    for process in processes:
        process.join(timeout=60)
    assert house.stands() == ("90.000000", "10.000000")


def test_completions_and_cancellations_at_once_settle_each_task_once(house):
    house.account(balance="100")
    for number in range(30):
        house.store.add(task(f"t{number:02}", seconds=number), hold=Decimal(1))
    running = [claim(house.store, f"w{number}") for number in range(30)]

    def end(number):
        held = running[number % 30]
        return house.complete(held, "0.5000") if number < 30 else fail(house.store, held)

    with ThreadPoolExecutor(16) as threads:
        ended = list(threads.map(end, [number for pair in zip(range(30), range(30, 60), strict=True) for number in pair]))
    assert sum(ended) == 30
    completed = sum(house.store.get(held.id).status is TaskStatus.COMPLETED for held in running)
    assert house.ledger.balance(ANNA).available == 100 - completed * Decimal("0.5")
    assert house.ledger.balance(ANNA).held == 0


def test_a_payment_counts_once(house):
    house.account()

    def pay(_number):
        return house.ledger.recharge(ANNA, Decimal(5), note="invoice 7", reference="payment-7")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(pay, range(8)))
    assert house.ledger.balance(ANNA).recharged == 5
    (entry,) = house.ledger.entries(ANNA, limit=9)
    assert (entry.kind, entry.amount, entry.note) == (EntryKind.RECHARGE, 5, "invoice 7")
    house.account(OTTO)
    assert house.ledger.recharge(OTTO, Decimal(5), reference="payment-7").balance == 5


def test_a_recharge_is_taken_back_as_far_as_it_is_left(house):
    house.account(balance="5")
    with pytest.raises(InsufficientBalance):
        house.ledger.recharge(ANNA, Decimal(-6))
    house.now = later(1)
    assert house.ledger.recharge(ANNA, Decimal(-2)).recharged == 3
    assert house.kinds() == ["recharge", "correction"]


@pytest.mark.parametrize("amount", ["0", "0.00001", "NaN", "Infinity", "1e12"])
def test_what_is_no_amount_is_refused(house, amount):
    house.account()
    with pytest.raises(InvalidOptions):
        house.ledger.recharge(ANNA, Decimal(amount))


def test_money_goes_to_accounts_that_exist(house):
    with pytest.raises(InvalidOptions, match="nobody"):
        house.ledger.recharge("nobody", Decimal(1))


def test_entries_come_in_pages_newest_first(house):
    house.account()
    for number in range(5):
        house.now = later(number // 2)
        house.ledger.recharge(ANNA, Decimal(number + 1))
    house.account(OTTO, balance="7")
    seen, mark = [], None
    while page := house.ledger.entries(ANNA, limit=2, after=mark):
        seen += page
        assert len(seen) <= 5, "the pages overlap"
        mark = EntryMark(page[-1].created_at, page[-1].id)
    assert [entry.created_at for entry in seen] == sorted((entry.created_at for entry in seen), reverse=True)
    assert sorted(entry.amount for entry in seen) == [1, 2, 3, 4, 5]
    assert [balance.account_id for balance in house.ledger.balances()] == [ANNA, OTTO]


def test_usage_is_summed_by_day_key_and_model(postpaid):
    postpaid.account()
    postpaid.key("k")
    request = task().request
    # 43,200 s after noon the next day begins.
    plan = [("k", "m", 0), ("k", "m", 60), ("gone", "m", 43_190), ("k", "n", 43_201)]
    for number, (key, model, at) in enumerate(plan):
        asked = replace(request, model=model)
        postpaid.store.add(task(f"t{number}", seconds=number, key_id=key, request=asked), hold=Decimal(1))
        assert postpaid.complete(claim(postpaid.store), "0.2500", seconds=at, outputs=[OUTPUT])
    postpaid.store.add(task("another", account=OTTO))
    assert postpaid.complete(claim(postpaid.store), "0.0000")

    def sums(*groups, first=date(2026, 3, 1), last=date(2026, 3, 2)):
        found = postpaid.usage.usage(ANNA, first=first, last=last, groups=groups)
        return [(row.day and row.day.day, row.key_id, row.model, row.tasks, f"{row.cost:.4f}") for row in found]

    assert sums(UsageGroup.DAY) == [(1, None, None, 3, "0.7500"), (2, None, None, 1, "0.2500")]
    assert sums(UsageGroup.KEY) == [(None, "gone", None, 1, "0.2500"), (None, "k", None, 3, "0.7500")]
    assert sums(UsageGroup.MODEL, UsageGroup.DAY) == [(1, None, "m", 3, "0.7500"), (2, None, "n", 1, "0.2500")]
    assert sums(last=date(2026, 3, 1)) == [(None, None, None, 3, "0.7500")]
    assert sums(first=date(2026, 3, 3), last=date(2026, 3, 9)) == []
    by_key = postpaid.usage.usage(ANNA, first=date(2026, 3, 1), last=date(2026, 3, 2), groups=[UsageGroup.KEY])
    assert [row.key_name for row in by_key] == [None, "name of k"]
    postpaid.store.remove(task("t0").id)
    assert sums() == [(None, None, None, 4, "1.0000")], "what was used is known when the task is gone"


def test_the_database_itself_refuses_to_charge_twice(house):
    house.account(balance="1")
    house.store.add(task(), hold=Decimal("0.3"))
    assert house.complete(claim(house.store), "0.1000")
    with pytest.raises(IntegrityError), writing(house.engine) as connection:
        connection.execute(text("UPDATE ledger_entries SET occasion = 'capture:t' WHERE kind = 'hold'"))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (update(balances).values(available=Decimal("0.5")), "available"),
        (update(ledger_postings).where(ledger_postings.c.line == 0).values(amount=Decimal(3)), "does not balance"),
        (holds.delete(), "nothing held"),
        (update(usage_records).values(cost=Decimal("0.05")), "was charged"),
        (usage_records.delete(), "nothing says what for"),
        (text("UPDATE key_spending SET spent = 0"), "charged"),
        (text("UPDATE tasks SET status = 'failed' WHERE id = 'open'"), "held for task open"),
        (text("UPDATE tasks SET status = 'queued' WHERE id = 'done'"), "usage is recorded"),
        (text("DELETE FROM tasks WHERE id = 'open'"), "gone"),
        (text("DELETE FROM ledger_postings WHERE book = 'revenue'"), "does not balance"),
    ],
)
def test_the_audit_finds_what_is_wrong(engine, harm, words):
    house = LedgerHouse(engine)
    house.account(balance="1")
    house.store.add(task("done"), hold=Decimal("0.3"))
    assert house.complete(claim(house.store), "0.1000")
    house.store.add_once(task("open", seconds=1), KEY, hold=Decimal("0.3"))
    assert house.faults() == []
    with writing(engine) as connection:
        connection.execute(harm)
    assert any(words in fault for fault in house.faults()), house.faults()


def test_any_order_of_moves_leaves_the_books_in_order(engine):
    check_ledger_moves(engine)
