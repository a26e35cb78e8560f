"""Segments of long recordings, on each database."""

import multiprocessing
from dataclasses import replace

import pytest
from store_processes import claim_all_segments
from task_store_contract import ANNA, FAILURE, OTTO, START, claim, complete, fail, later, task

from spark_avatar.tasks.segments import Segment, SegmentStatus, done_share
from spark_avatar.tasks.sql.segments import SqlSegmentStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import TaskId

spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def tasks(engine):
    return SqlTaskStore(engine)


@pytest.fixture
def segments(engine):
    return SqlSegmentStore(engine, patience_seconds=0)


def parts_of(held, count=3, *, engine="portrait"):
    return [
        Segment(held.id, number, held.account_id, engine, held.claim.attempt, 100 * number, 100 * number + 100, START)
        for number in range(count)
    ]


@pytest.fixture
def held(tasks):
    """A running task."""
    tasks.add(task("long"))
    return claim(tasks, "w1")


@pytest.fixture
def planned(segments, held):
    return segments.plan(held, parts_of(held))


def take(segments, worker="w2", *, in_turn=False, seconds=20, **limits):
    return segments.claim_next(worker, now=later(seconds), lease_until=later(seconds + 15), in_turn=in_turn, **limits)


class TestPlanning:
    def test_segments_come_back_as_they_were_planned(self, segments, held, planned):
        assert planned == parts_of(held) == segments.of_task(held.id)

    def test_a_second_plan_changes_nothing(self, segments, held, planned):
        take(segments)
        again = segments.plan(held, parts_of(held, 5))
        assert [segment.end_frame for segment in again] == [100, 200, 300]
        assert again[0].status is SegmentStatus.RUNNING

    def test_only_the_worker_that_holds_the_task_plans(self, tasks, segments, held):
        tasks.hand_back(held.id, held.claim, count_attempt=True)
        assert segments.plan(held, parts_of(held)) == []
        assert segments.of_task(held.id) == []
        second = claim(tasks, "w2")
        assert segments.plan(held, parts_of(held)) == []
        assert len(segments.plan(second, parts_of(second))) == 3


class TestClaiming:
    def test_every_segment_is_given_once_in_order(self, segments, planned):
        given = [take(segments, f"w{number}") for number in range(4)]
        assert [segment.number for segment in given[:3]] == [0, 1, 2]
        assert given[3] is None
        assert [(s.status, s.attempts, s.claim.worker) for s in given[:2]] == [
            (SegmentStatus.RUNNING, 1, f"w{n}") for n in (0, 1)
        ]

    def test_the_holder_gets_segments_of_its_task_only(self, tasks, segments, held, planned):
        tasks.add(task("other", account=OTTO))
        other = claim(tasks, "w3")
        segments.plan(other, parts_of(other, 1))
        mine = segments.claim_of(other.id, "w3", lease_until=later(30))
        assert (mine.task_id, mine.number) == ("other", 0)
        assert segments.claim_of(other.id, "w3", lease_until=later(30)) is None

    def test_none_is_given_when_the_task_has_ended(self, tasks, segments, held, planned):
        fail(tasks, held)
        assert take(segments) is None
        assert segments.claim_of(held.id, "w1", lease_until=later(30)) is None

    def test_workers_go_on_while_the_task_waits_for_another_holder(self, tasks, segments, held, planned):
        tasks.hand_back(held.id, held.claim, count_attempt=True)
        first = take(segments)
        assert segments.complete(first, compute_units=3)

    def test_engines_are_kept_apart(self, segments, planned):
        assert take(segments, engines=["gpu"]) is None
        assert take(segments, engines=["gpu", "portrait"]).number == 0


class TestTurns:
    """Accounts take turns with segments and tasks together."""

    def test_an_account_that_waits_longer_comes_before_the_segments_of_another(self, tasks, segments, held, planned):
        tasks.add(task("short", account=OTTO, seconds=5))
        assert take(segments, in_turn=True) is None
        assert claim(tasks, "w2", seconds=20).id == "short"
        assert take(segments, "w3", in_turn=True, seconds=21).number == 0

    def test_two_accounts_alternate(self, tasks, segments, held, planned):
        for number in range(4):
            tasks.add(task(f"short{number}", account=OTTO, seconds=number))
        order = []
        for moment in range(7):
            segment = take(segments, f"w{moment}", in_turn=True, seconds=20 + moment)
            work = segment or claim(tasks, f"w{moment}", seconds=20 + moment)
            order.append("segment" if segment else work.id)
        assert order == ["short0", "segment", "short1", "segment", "short2", "segment", "short3"]

    def test_the_same_accounts_later_tasks_wait_for_its_segments(self, tasks, segments, held, planned):
        tasks.add(task("later", seconds=5))
        assert take(segments, in_turn=True).number == 0

    def test_a_worker_without_a_task_helps_out_of_turn(self, tasks, segments, held, planned):
        tasks.add(task("short", account=OTTO, seconds=5))
        assert take(segments, in_turn=False).number == 0

    def test_an_account_keeps_no_more_workers_busy_than_it_may(self, tasks, segments, held, planned):
        assert take(segments, "w2", most_running=1) is None  # its task keeps one busy
        assert segments.claim_of(held.id, "w1", lease_until=later(30)).number == 0  # the same one
        assert take(segments, "w2", most_running=2).number == 1
        assert take(segments, "w3", most_running=2) is None

    def test_an_account_over_its_limit_holds_up_nobody(self, tasks, segments, held, planned):
        for number in range(2):
            tasks.add(task(f"otto{number}", account=OTTO, seconds=number))
        claim(tasks, "w9", seconds=1)
        segment = take(segments, in_turn=True, most_running=2)
        assert segment is not None or take(segments, in_turn=False, most_running=2) is not None


class TestAClaim:
    def test_it_reports_and_completes(self, segments, held, planned):
        first = take(segments)
        assert segments.renew(first, lease_until=later(99))
        assert segments.report(first, progress=0.5)
        assert segments.of_task(held.id)[0].progress == 0.5
        assert segments.of_task(held.id)[0].claim.lease_until == later(99)
        assert segments.complete(first, compute_units=12)
        done = segments.of_task(held.id)[0]
        assert (done.status, done.progress, done.compute_units, done.claim, done.attempts) == (
            SegmentStatus.DONE,
            1.0,
            12,
            None,
            1,
        )
        assert done_share(segments.of_task(held.id)) == pytest.approx(1 / 3)

    def test_completing_again_after_a_lost_answer_is_well(self, segments, planned):
        first = take(segments)
        assert segments.complete(first, compute_units=12)
        assert segments.complete(first, compute_units=12)

    def test_a_segment_that_was_given_to_another_is_lost(self, segments, held, planned):
        first = take(segments, "w2")
        segments.hand_back(first, count_attempt=True)
        second = take(segments, "w3")
        assert (second.number, second.attempts) == (0, 2)
        assert not segments.renew(first, lease_until=later(99))
        assert not segments.report(first, progress=0.9)
        assert not segments.complete(first, compute_units=1)
        assert not segments.fail(first, FAILURE)
        assert not segments.hand_back(first, count_attempt=True)
        assert segments.of_task(held.id)[0] == second

    def test_a_drain_costs_no_attempt(self, segments, planned):
        segments.hand_back(take(segments), count_attempt=False)
        again = take(segments, "w3")
        assert (again.attempts, again.progress) == (1, 0.0)

    @pytest.mark.parametrize("end", [fail, complete])
    def test_it_is_void_when_the_task_has_ended(self, tasks, segments, held, planned, end):
        first = take(segments)
        assert end(tasks, held)
        assert not segments.renew(first, lease_until=later(99))
        assert not segments.report(first, progress=0.9)
        assert not segments.complete(first, compute_units=1)
        assert not segments.fail(first, FAILURE)

    def test_a_failure_says_why(self, segments, held, planned):
        assert segments.fail(take(segments), FAILURE)
        failed = segments.of_task(held.id)[0]
        assert (failed.status, failed.failure, failed.claim) == (SegmentStatus.FAILED, FAILURE, None)


def test_claimed_segments_are_listed(segments, planned):
    first = take(segments)
    assert segments.running() == [first]


def test_segments_of_ended_and_removed_tasks_are_found_and_forgotten(tasks, segments, held, planned):
    assert segments.ended() == []
    tasks.hand_back(held.id, held.claim, count_attempt=True)
    assert segments.ended() == []
    again = claim(tasks)
    fail(tasks, again)
    assert segments.ended() == [(ANNA, "long")]
    tasks.remove(held.id)
    assert segments.ended() == [(ANNA, "long")]
    segments.remove(TaskId("long"))
    assert segments.ended() == []
    assert segments.of_task(TaskId("long")) == []


def test_four_processes_claim_sixty_segments_and_none_twice(database_url, tasks, segments):
    for number in range(6):
        tasks.add(task(f"long{number}", seconds=number))
        running = claim(tasks, f"holder{number}")
        segments.plan(running, [replace(part, created_at=later(number)) for part in parts_of(running, 10)])
    start, results = spawn.Barrier(4), spawn.Queue()
    workers = [spawn.Process(target=claim_all_segments, args=(database_url, f"w{i}", start, results)) for i in range(4)]
    for worker in workers:
        worker.start()
    claimed = [name for _ in workers for name in results.get(timeout=60)[1]]
    for worker in workers:
        worker.join(timeout=60)
    assert len(claimed) == len(set(claimed)) == 60
