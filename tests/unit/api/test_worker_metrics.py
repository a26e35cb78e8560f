from prometheus_client import CollectorRegistry, generate_latest

from spark_avatar.api.metrics import WorkerCollector
from spark_avatar.dispatch.roster import WorkerRecord, WorkerState


def worker(state: WorkerState, *, seen_ago: float = 1.0) -> WorkerRecord:
    return WorkerRecord("a/1", "host", 7, ("portrait",), "1", state, None, 0.0, 100.0, seen_ago)


def test_workers_are_counted_by_what_they_do_and_the_silent_apart():
    registry = CollectorRegistry()
    crew = [worker(state) for state in (WorkerState.BUSY, WorkerState.BUSY, WorkerState.IDLE, WorkerState.FULL)]
    crew.append(worker(WorkerState.BUSY, seen_ago=60))
    registry.register(WorkerCollector(lambda: crew))
    text = generate_latest(registry).decode()
    counts = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")}
    assert counts == {
        'spark_avatar_workers{state="starting"}': 0,
        'spark_avatar_workers{state="idle"}': 1,
        'spark_avatar_workers{state="busy"}': 2,
        'spark_avatar_workers{state="full"}': 1,
        'spark_avatar_workers{state="draining"}': 0,
        'spark_avatar_workers{state="silent"}': 1,
    }
