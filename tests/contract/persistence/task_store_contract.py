"""What every `TaskStore` must do. A class of tests: inherit it, and give it a fixture `store` that is empty."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from task_store_moves import check_moves

from spark_avatar.errors import IdempotencyConflict, TaskNotFound
from spark_avatar.tasks.store import PageMark, SubmissionKey, TaskFilter
from spark_avatar.tasks.task import (
    AccountId,
    Claim,
    Task,
    TaskFailure,
    TaskId,
    TaskOutput,
    TaskRequest,
    TaskStatus,
    TaskUsage,
)

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ANNA = AccountId("anna")
OTTO = AccountId("otto")
KEY = SubmissionKey(key="word", fingerprint="of the request", used_since=START - timedelta(hours=24))
OUTPUT = TaskOutput(
    key="outputs/anna/t/1.mp4", media_type="video/mp4", size=123, job_id="job-1", seconds=4.96, width=512, height=512
)
USAGE = TaskUsage(cost="0.0420", discount=1.0, compute_units=17)
FAILURE = TaskFailure(code="003016014", message="No human face was found in the image.")


def later(seconds):
    return START + timedelta(seconds=seconds)


def task(name="t", *, seconds=0, account=ANNA, **fields):
    request = TaskRequest(model="m", image_url="https://a/p.jpg", audio_url="https://a/s.wav")
    return Task(
        **{"id": TaskId(name), "account_id": account, "key_id": "k", "request": request, "created_at": later(seconds), **fields}
    )


def claim(store, worker="w1", *, seconds=10):
    return store.claim_next(worker, now=later(seconds), lease_until=later(seconds + 15))


def complete(store, held, *, metadata=None, seconds=60):
    return store.complete(held.id, held.claim, outputs=[OUTPUT], usage=USAGE, metadata=metadata or {}, now=later(seconds))


def fail(store, held, *, seconds=60, metadata=None):
    return store.fail(held.id, held.claim, FAILURE, metadata=metadata or {}, now=later(seconds))


class TaskStoreContract:
    def test_a_task_comes_back_as_it_was_added(self, store):
        request = TaskRequest(
            model="spark_avatar_picture_omni_v2",
            image_url="data:image/png;base64,\u00e9\U0001f642\x00\ud800",
            audio_url="",
            options={"seed": 7, "fps": 29.97, "background": None, "colors": ["red", {"a": True}]},
            ignored=("moderation", "params.stlye"),
        )
        added = task(request=request, request_id="req-1", metadata={"warnings": [{"code": "small_face", "size": 0.1}]})
        store.add(added)
        assert store.get(added.id) == added

    def test_a_task_in_any_state_comes_back_as_it_was_added(self, store):
        times = {"uploaded_at": later(1), "started_at": later(2), "ended_at": later(3)}
        done = task("done", status=TaskStatus.COMPLETED, progress=1.0, attempts=2, outputs=(OUTPUT,), usage=USAGE, **times)
        lost = task("lost", status=TaskStatus.FAILED, progress=0.25, attempts=3, failure=FAILURE, **times)
        held = task("held", status=TaskStatus.RUNNING, attempts=1, claim=Claim("w", 1, later(9)), stage="render")
        for added in (done, lost, held):
            store.add(added)
            assert store.get(added.id) == added

    def test_times_are_kept_to_the_microsecond_whatever_their_zone(self, store):
        tokyo = START.astimezone(timezone(timedelta(hours=9)))
        store.add(task(created_at=tokyo))
        stored = store.get(TaskId("t")).created_at
        assert stored == START
        assert stored.utcoffset() == timedelta(0)
        assert stored.microsecond == 123456

    def test_an_id_is_used_once(self, store):
        store.add(task(request_id="first"))
        with pytest.raises(Exception, match=r"(?i)unique"):
            store.add(task(request_id="second"))
        assert store.get(TaskId("t")).request_id == "first"

    @pytest.mark.parametrize("task_id", ["nothing", "", "\x00", "t\x00", "\u00e9" * 1000, "' OR 1=1 --", "%"])
    def test_an_unknown_task_is_not_found(self, store, task_id):
        store.add(task())
        with pytest.raises(TaskNotFound):
            store.get(TaskId(task_id))

    def test_another_accounts_task_is_not_found(self, store):
        store.add(task(account=ANNA))
        assert store.get(TaskId("t"), account_id=ANNA).account_id == ANNA
        with pytest.raises(TaskNotFound):
            store.get(TaskId("t"), account_id=OTTO)

    def test_recent_tasks_are_the_accounts_newest_first(self, store):
        for name, seconds, account in [("b", 2, ANNA), ("a", 1, ANNA), ("x", 3, OTTO), ("d", 4, ANNA)]:
            store.add(task(name, seconds=seconds, account=account))
        assert [found.id for found in store.recent(ANNA, limit=10)] == ["d", "b", "a"]
        assert [found.id for found in store.recent(ANNA, limit=2)] == ["d", "b"]
        assert store.recent(AccountId("nobody"), limit=5) == []

    def test_pages_of_recent_tasks_follow_each_other_without_gap_or_repetition(self, store):
        names = [f"t{number}" for number in range(7)]
        for number, name in enumerate(names):
            store.add(task(name, seconds=number // 3))  # some were made at the same moment
            store.add(task(f"x{number}", seconds=number, account=OTTO))
        seen, mark = [], None
        while found := store.recent(ANNA, limit=2, after=mark):
            seen += [item.id for item in found]
            mark = PageMark(found[-1].created_at, found[-1].id)
        assert seen == sorted(names, reverse=True)

    def test_recent_tasks_may_be_those_of_some_statuses(self, store):
        for number in range(4):
            store.add(task(f"t{number}", seconds=number))
        complete(store, claim(store))
        claim(store)
        open_ones = store.recent(ANNA, limit=10, only=TaskFilter(statuses=[TaskStatus.QUEUED, TaskStatus.RUNNING]))
        assert [found.id for found in open_ones] == ["t3", "t2", "t1"]
        assert [found.id for found in store.recent(ANNA, limit=10, only=TaskFilter(statuses=[TaskStatus.COMPLETED]))] == ["t0"]
        assert store.recent(ANNA, limit=10, only=TaskFilter(statuses=[TaskStatus.FAILED])) == []

    @pytest.mark.parametrize(
        ("only", "found"),
        [
            (TaskFilter(model="m2"), ["t1"]),
            (TaskFilter(engine="portrait"), ["t2"]),
            (TaskFilter(key_id="key-2"), ["t2", "t1"]),
            (TaskFilter(text="T1"), ["t1"]),
            (TaskFilter(text="a_b%"), ["t1"]),
            (TaskFilter(text="_"), ["t1"]),
            (TaskFilter(text="nothing"), []),
            (TaskFilter(model="m2", engine="portrait"), []),
        ],
    )
    def test_recent_tasks_may_be_looked_for(self, only, found, store):
        asked = TaskRequest(model="m2", image_url="https://example.com/a_b%", audio_url="https://example.com/")
        store.add(task("t0"))
        store.add(task("t1", seconds=1, key_id="key-2", request=asked))
        store.add(task("t2", seconds=2, key_id="key-2", engine="portrait"))
        assert [each.id for each in store.recent(ANNA, limit=10, only=only)] == found

    def test_only_an_ended_task_can_be_removed(self, store):
        for name, seconds in (("done", 0), ("held", 1), ("waiting", 2)):
            store.add(task(name, seconds=seconds))
        complete(store, claim(store))
        claim(store)
        assert [store.remove(TaskId(name)) for name in ("done", "held", "waiting", "nothing")] == [True, False, False, False]
        with pytest.raises(TaskNotFound):
            store.get(TaskId("done"))
        assert len(store.recent(ANNA, limit=9)) == 2

    def test_a_key_stands_for_the_task_it_was_first_used_with(self, store):
        first = task("first")
        assert store.made_with(ANNA, KEY) is None
        assert store.add_once(first, KEY) == first
        assert store.add_once(task("second", seconds=9), KEY) == first
        assert store.made_with(ANNA, KEY) == first
        assert [found.id for found in store.recent(ANNA, limit=9)] == ["first"]

    def test_a_key_with_another_request_is_a_conflict(self, store):
        store.add_once(task("first"), KEY)
        other = replace(KEY, fingerprint="another")
        with pytest.raises(IdempotencyConflict):
            store.add_once(task("second"), other)
        with pytest.raises(IdempotencyConflict):
            store.made_with(ANNA, other)
        assert len(store.recent(ANNA, limit=9)) == 1

    def test_each_account_has_its_own_keys(self, store):
        store.add_once(task("annas"), KEY)
        assert store.add_once(task("ottos", account=OTTO), KEY).id == "ottos"

    def test_a_key_that_has_lapsed_is_free_again(self, store):
        store.add_once(task("first"), KEY)
        later_key = replace(KEY, used_since=later(1), fingerprint="another")
        assert store.made_with(ANNA, later_key) is None
        assert store.add_once(task("second", seconds=2), later_key).id == "second"
        assert store.add_once(task("third", seconds=3), later_key).id == "second"

    def test_the_key_of_a_removed_task_is_free_again(self, store):
        store.add_once(task("first"), KEY)
        complete(store, claim(store))
        assert store.remove(TaskId("first"))
        assert store.add_once(task("second"), KEY).id == "second"

    def test_of_many_adding_with_one_key_at_once_one_stores_its_task(self, store):
        start = threading.Barrier(8)

        def add(number):
            start.wait()
            return store.add_once(task(f"t{number}", seconds=number), KEY).id

        with ThreadPoolExecutor(8) as threads:
            ids = set(threads.map(add, range(8)))
        assert len(ids) == 1
        assert [found.id for found in store.recent(ANNA, limit=9)] == list(ids)

    def test_accounts_take_turns_and_a_thousand_tasks_do_not_starve_one(self, store):
        for number in range(30):
            store.add(task(f"a{number:02}", seconds=number))
        store.add(task("o", seconds=100, account=OTTO))
        store.add(task("p", seconds=101, account=AccountId("paul")))
        order = [claim(store, f"w{number}", seconds=200 + number).id for number in range(5)]
        assert order == ["a00", "o", "p", "a01", "a02"]

    def test_the_account_that_was_served_longest_ago_is_next(self, store):
        for account in (ANNA, OTTO):
            for number in range(3):
                store.add(task(f"{account}{number}", seconds=number, account=account))
        order = [claim(store, seconds=10 + number).id for number in range(4)]
        assert order == ["anna0", "otto0", "anna1", "otto1"]
        store.add(task("paul", seconds=50, account=AccountId("paul")))
        assert [claim(store, seconds=60 + number).id for number in range(3)] == ["paul", "anna2", "otto2"]
        assert claim(store) is None

    def test_whoever_deletes_what_was_done_does_not_come_first_again(self, store):
        for account in (ANNA, OTTO):
            for number in range(3):
                store.add(task(f"{account}{number}", seconds=number, account=account))
        served = []
        for number in range(4):
            held = claim(store, seconds=10 + number)
            served.append(held.account_id)
            complete(store, held)
            store.remove(held.id)
        assert served == [ANNA, OTTO, ANNA, OTTO]

    def test_an_account_that_has_its_share_running_is_passed_over(self, store):
        for number in range(3):
            store.add(task(f"a{number}", seconds=number))
        store.add(task("o", seconds=9, account=OTTO))

        def next_one(number, most):
            held = store.claim_next(f"w{number}", now=later(20 + number), lease_until=later(99), most_running=most)
            return held and held.id

        assert [next_one(number, 1) for number in range(3)] == ["a0", "o", None]
        assert next_one(4, 2) == "a1"
        complete(store, store.get(TaskId("a0")))
        assert (next_one(5, 1), next_one(6, 2)) == (None, "a2")

    def test_tasks_ahead_are_counted_in_the_order_in_which_they_are_claimed(self, store):
        for account, count in ((ANNA, 5), (OTTO, 2), (AccountId("paul"), 1)):
            for number in range(count):
                store.add(task(f"{account}{number}", seconds=number, account=account))
        claim(store, seconds=10)
        names = ["anna1", "anna2", "anna3", "anna4", "otto0", "otto1", "paul0"]
        ahead = {name: store.ahead_of(store.get(TaskId(name))) for name in names}
        order = [claim(store, f"w{number}", seconds=20 + number).id for number in range(len(names))]
        assert {name: place for place, name in enumerate(order)} == ahead

    def test_waiting_tasks_are_counted_by_account(self, store):
        for number in range(3):
            store.add(task(f"a{number}", seconds=number))
        store.add(task("o", seconds=9, account=OTTO))
        claim(store)
        assert store.queued_by_account() == {ANNA: 2, OTTO: 1}

    def test_tasks_ahead_are_those_that_wait_longer(self, store):
        for number in range(4):
            store.add(task(f"t{number}", seconds=number))
        claim(store)
        ahead = [store.ahead_of(store.get(TaskId(f"t{number}"))) for number in range(4)]
        assert ahead == [0, 0, 1, 2]

    def test_the_inputs_of_open_tasks(self, store):
        place = "https://a/v1/files/uploads/"

        def ask(name, image, audio, **more):
            request = TaskRequest("m", image, audio, **more)
            store.add(task(name, request=request, seconds=ord(name)))

        ask("a", f"{place}a_1", f"{place}a-2", ignored=("\0", "\ud800"))
        ask("b", f"{place}b1", "https://elsewhere/uploads", background_url=f"{place}b2")
        ask("c", f"{place}c", "stored:inputs/c")
        assert fail(store, claim(store))
        complete(store, claim(store))
        assert claim(store).id == "c"
        ask("d", f"{place}a_1", f"{place}c")
        ask("e", f"{place}e%1", "https://elsewhere/upload_")
        assert store.addresses_of_open("/v1/files/uploads/") == {f"{place}a_1", f"{place}c", f"{place}e%1"}
        assert store.addresses_of_open("uploads/a_") == {f"{place}a_1"}
        assert store.addresses_of_open("_") == {f"{place}a_1", "https://elsewhere/upload_"}

    def test_old_tasks_are_those_that_ended_before_a_moment(self, store):
        for name, seconds in (("a", 0), ("b", 1), ("c", 2), ("open", 3)):
            store.add(task(name, seconds=seconds))
        for seconds in (30, 10, 20):
            complete(store, claim(store), seconds=seconds)
        assert [found.id for found in store.ended_before(later(25), limit=9)] == ["b", "c"]
        assert [found.id for found in store.ended_before(later(99), limit=2)] == ["b", "c"]
        assert store.ended_before(later(10), limit=9) == []

    def test_keys_that_were_used_long_ago_are_forgotten(self, store):
        store.add_once(task("old"), KEY)
        store.add_once(task("new", seconds=50), replace(KEY, key="another"))
        assert store.forget_keys(used_before=later(50)) == 1
        assert store.made_with(ANNA, KEY) is None
        assert store.made_with(ANNA, replace(KEY, key="another")).id == "new"

    def test_claiming_takes_the_oldest_first_and_only_once(self, store):
        for name, seconds in [("second", 2), ("first", 1), ("third", 3)]:
            store.add(task(name, seconds=seconds))
        assert [claim(store, worker).id for worker in ("w1", "w2", "w3")] == ["first", "second", "third"]
        assert claim(store, "w4") is None

    def test_a_claimed_task_is_running_and_held_by_its_worker(self, store):
        store.add(task())
        held = claim(store, "w1", seconds=10)
        assert held.status is TaskStatus.RUNNING
        assert held.claim == Claim(worker="w1", attempt=1, lease_until=later(25))
        assert (held.attempts, held.started_at) == (1, later(10))
        assert store.get(held.id) == held
        assert store.running() == [held]

    def test_renewing_moves_the_lease(self, store):
        store.add(task())
        held = claim(store)
        assert store.renew(held.id, held.claim, lease_until=later(100))
        assert store.get(held.id).claim == replace(held.claim, lease_until=later(100))

    def test_a_claim_is_still_good_after_its_lease_was_renewed(self, store):
        store.add(task())
        held = claim(store)
        store.renew(held.id, held.claim, lease_until=later(100))
        assert complete(store, held)

    def test_progress_never_goes_back(self, store):
        store.add(task())
        held = claim(store)
        seen = []
        for progress in (0.2, 0.5, 0.3, -1.0, 0.9, 7.0, 0.0):
            assert store.report(held.id, held.claim, progress=progress, stage="render")
            seen.append(store.get(held.id).progress)
        assert seen == [0.2, 0.5, 0.5, 0.5, 0.9, 1.0, 1.0]

    def test_a_report_tells_the_stage_and_when_the_inputs_were_there(self, store):
        store.add(task())
        held = claim(store)
        store.report(held.id, held.claim, progress=0.1, stage="fetch", uploaded_at=later(12))
        store.report(held.id, held.claim, progress=0.2, stage="render")
        stored = store.get(held.id)
        assert (stored.stage, stored.uploaded_at) == ("render", later(12))

    def test_completing_ends_the_task_with_its_results(self, store):
        store.add(task(metadata={"ignored": ["x"], "seed": 1}))
        held = claim(store)
        assert complete(store, held, metadata={"seed": 2, "engine": "portrait"}, seconds=60)
        stored = store.get(held.id)
        assert (stored.status, stored.progress, stored.ended_at) == (TaskStatus.COMPLETED, 1.0, later(60))
        assert (stored.outputs, stored.usage, stored.failure) == ((OUTPUT,), USAGE, None)
        assert stored.metadata == {"ignored": ["x"], "seed": 2, "engine": "portrait"}
        assert stored.claim is None
        assert store.running() == []

    def test_failing_ends_the_task_with_its_reason(self, store):
        store.add(task(metadata={"seed": 1}))
        held = claim(store)
        store.report(held.id, held.claim, progress=0.4, stage="face")
        assert fail(store, held, metadata={"faces": 0})
        stored = store.get(held.id)
        assert (stored.status, stored.failure, stored.ended_at) == (TaskStatus.FAILED, FAILURE, later(60))
        assert (stored.progress, stored.stage, stored.metadata) == (0.4, "face", {"seed": 1, "faces": 0})
        assert (stored.outputs, stored.usage, stored.claim) == ((), None, None)

    def test_a_measurement_that_is_no_number_does_not_keep_a_task_from_ending(self, store):
        store.add(task())
        held = claim(store)
        assert complete(store, held, metadata={"snr": float("nan"), "range": (1.0, float("inf"))})
        assert store.get(held.id).metadata == {"snr": None, "range": [1.0, None]}

    def test_a_queued_task_fails_without_a_claim(self, store):
        store.add(task())
        assert store.fail(TaskId("t"), None, FAILURE, metadata={"why": "cancelled"}, now=later(5))
        stored = store.get(TaskId("t"))
        assert (stored.status, stored.failure, stored.metadata) == (TaskStatus.FAILED, FAILURE, {"why": "cancelled"})
        assert claim(store) is None

    def test_a_running_task_does_not_fail_without_its_claim(self, store):
        store.add(task())
        held = claim(store)
        assert not store.fail(held.id, None, FAILURE, metadata={"x": 1}, now=later(5))
        assert store.get(held.id) == held

    def test_a_task_handed_back_keeps_its_place_and_progress(self, store):
        store.add(task("old", seconds=1))
        store.add(task("new", seconds=2))
        held = claim(store, "w1", seconds=10)
        store.report(held.id, held.claim, progress=0.6, stage="render")
        assert store.hand_back(held.id, held.claim, count_attempt=True)
        waiting = store.get(held.id)
        assert (waiting.status, waiting.claim, waiting.progress) == (TaskStatus.QUEUED, None, 0.6)
        again = claim(store, "w2", seconds=30)
        assert (again.id, again.attempts, again.claim.attempt) == ("old", 2, 2)
        assert again.started_at == later(10)

    def test_a_drain_does_not_count_as_an_attempt(self, store):
        store.add(task())
        held = claim(store, "w1")
        assert store.hand_back(held.id, held.claim, count_attempt=False)
        assert store.get(held.id).attempts == 0
        assert claim(store, "w2").attempts == 1

    def test_a_worker_that_lost_its_task_changes_nothing(self, store):
        store.add(task())
        stale = claim(store, "w1")
        store.hand_back(stale.id, stale.claim, count_attempt=True)
        held = claim(store, "w2")
        self._assert_powerless(store, stale, held)
        assert complete(store, held)

    def test_a_worker_that_lost_its_task_to_itself_changes_nothing(self, store):
        store.add(task())
        stale = claim(store, "w1")
        store.hand_back(stale.id, stale.claim, count_attempt=True)
        self._assert_powerless(store, stale, claim(store, "w1"))

    def test_after_a_drain_the_next_worker_holds_the_same_attempt_alone(self, store):
        store.add(task())
        stale = claim(store, "w1")
        store.hand_back(stale.id, stale.claim, count_attempt=False)
        held = claim(store, "w2")
        assert held.claim.attempt == stale.claim.attempt
        self._assert_powerless(store, stale, held)

    def test_of_two_stale_workers_and_the_holder_only_the_holder_completes(self, store):
        store.add(task())
        holders = []
        for worker in ("w1", "w2", "w3"):
            holders.append(claim(store, worker))
            if worker != "w3":
                store.hand_back(holders[-1].id, holders[-1].claim, count_attempt=True)
        assert [complete(store, held) for held in holders] == [False, False, True]

    def test_a_worker_without_a_task_queued_again_changes_nothing(self, store):
        store.add(task())
        held = claim(store)
        store.hand_back(held.id, held.claim, count_attempt=True)
        self._assert_powerless(store, held, store.get(held.id))

    @pytest.mark.parametrize("end", [complete, fail])
    def test_an_ended_task_never_changes(self, store, end):
        store.add(task())
        held = claim(store)
        assert end(store, held)
        ended = store.get(held.id)
        self._assert_powerless(store, held, ended)
        assert not store.fail(held.id, None, FAILURE, metadata={"x": 1}, now=later(99))
        assert claim(store) is None
        assert store.get(held.id) == ended

    def test_changes_to_a_task_that_is_not_there_do_nothing(self, store):
        ghost = task("ghost", claim=Claim("w1", 1, later(9)))
        assert not complete(store, ghost)
        assert not fail(store, ghost)
        assert not store.renew(ghost.id, ghost.claim, lease_until=later(1))
        assert not store.hand_back(ghost.id, ghost.claim, count_attempt=True)

    def test_queue_facts_count(self, store):
        assert store.queue_facts(now=START).queued == 0
        assert store.queue_facts(now=START).oldest_queued_seconds == 0
        for name, seconds in [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 5), ("f", 9)]:
            store.add(task(name, seconds=seconds))
        complete(store, claim(store))
        fail(store, claim(store))
        fail(store, claim(store))
        claim(store)
        store.fail(TaskId("f"), None, TaskFailure("003016031", "cancelled"), metadata={}, now=later(20))
        facts = store.queue_facts(now=later(65))
        assert (facts.queued, facts.running, facts.completed, facts.failed) == (1, 1, 1, 3)
        assert facts.oldest_queued_seconds == 60
        assert facts.failures_by_code == {"003016014": 2, "003016031": 1}

    def test_any_order_of_calls_makes_only_legal_moves(self, store):
        check_moves(store)

    @staticmethod
    def _assert_powerless(store, stale, standing):
        """Whatever the stale worker tries, the record stays as it stands."""
        assert not store.renew(stale.id, stale.claim, lease_until=later(999))
        assert not store.report(stale.id, stale.claim, progress=0.99, stage="stale", uploaded_at=later(999))
        assert not complete(store, stale, metadata={"stale": True})
        assert not fail(store, stale, metadata={"stale": True})
        assert not store.hand_back(stale.id, stale.claim, count_attempt=True)
        assert not store.hand_back(stale.id, stale.claim, count_attempt=False)
        assert store.get(stale.id) == standing

    def test_what_an_engine_notes_is_found_by_the_next_attempt_and_goes_with_the_task(self, store):
        store.add(task())
        first = claim(store)
        assert store.notes(first.id) == {}
        assert store.note(first.id, first.claim, "comfyui.talk", {"server": "http://gpu1", "prompt_id": "1"})
        assert store.note(first.id, first.claim, "comfyui.talk", {"server": "http://gpu1", "prompt_id": "2"})
        assert store.note(first.id, first.claim, "remote", {"task": "far"})
        store.hand_back(first.id, first.claim, count_attempt=True)
        second = claim(store, "w2")
        assert not store.note(first.id, first.claim, "remote", {"task": "of a worker that was given up"})
        expected = {"comfyui.talk": {"server": "http://gpu1", "prompt_id": "2"}, "remote": {"task": "far"}}
        assert store.notes(second.id) == expected
        complete(store, second)
        assert not store.note(second.id, second.claim, "remote", {"task": "too late"})
        assert store.remove(second.id)
        assert store.notes(second.id) == {}
