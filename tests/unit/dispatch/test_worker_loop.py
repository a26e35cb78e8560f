from collections import deque

from spark_avatar.dispatch.worker_loop import run_worker


class Line:
    """A control that drains when the work is done, and writes down what it is told."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.told: list[str] = []
        self.waits: list[float] = []

    @property
    def draining(self) -> bool:
        self.rounds -= 1
        return self.rounds < 0

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def ready(self) -> None:
        self.told.append("ready")

    def busy(self) -> None:
        self.told.append("busy")

    def idle(self) -> None:
        self.told.append("idle")


def test_tasks_run_one_after_another_without_a_pause():
    work, done, line = deque([1, 2, 3]), [], Line(rounds=4)
    run_worker(lambda: work.popleft() if work else None, done.append, line, poll_seconds=9)
    assert done == [1, 2, 3]
    assert line.told == ["ready", "busy", "idle", "busy", "idle", "busy", "idle"]
    assert line.waits == [9]


def test_draining_takes_nothing_more():
    work, done = deque([1, 2]), []
    run_worker(work.popleft, done.append, Line(rounds=1))
    assert done == [1]
    assert list(work) == [2]


def test_a_failing_task_is_no_reason_to_stop():
    work, line = deque([0, 5]), Line(rounds=2)
    results = []
    run_worker(work.popleft, lambda divisor: results.append(10 / divisor), line)
    assert results == [2]
    assert line.told[1:] == ["busy", "idle", "busy", "idle"]


def test_a_failing_store_is_asked_ever_more_rarely_until_it_answers():
    answers = deque([OSError, OSError, OSError, None, OSError])
    line = Line(rounds=5)

    def claim():
        answer = answers.popleft()
        if answer is not None:
            raise answer("no database")

    run_worker(claim, print, line, poll_seconds=7)
    assert line.waits == [0.5, 1.0, 2.0, 7, 0.5]
    assert line.told == ["ready"]
