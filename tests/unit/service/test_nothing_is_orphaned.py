"""Submissions, repetitions, cancellations and deletions against running workers, all at once: afterwards records and files
agree.
"""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from service_house import CALLER, STRANGER, House, request

from spark_avatar.errors import TaskNotFound
from spark_avatar.storage.keys import owner_of, shown_keys
from spark_avatar.tasks.task import TaskStatus

SECONDS = 3.0


def test_whatever_callers_do_while_workers_run(tmp_path, image_url, audio_url):
    house = House(tmp_path, max_queued=1000, max_queued_of_account=1000)
    over = threading.Event()
    made: dict[str, str] = {}
    callers = {caller.account_id: caller for caller in (CALLER, STRANGER)}

    def work(name: str) -> None:
        runner = house.runner(name, lease_seconds=1.0)
        while not over.is_set() or house.store.queued_by_account():
            task = runner.claim()
            if task is None:
                time.sleep(0.01)
            else:
                runner.run(task)

    def submit(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            caller = chance.choice((CALLER, STRANGER))
            word = f"{caller.account_id}-{chance.randrange(40)}"
            inputs = request(image_url=image_url, audio_url=audio_url)
            task = house.generation.submit(inputs, caller=caller, idempotency_key=word)
            made[task.id] = caller.account_id
            time.sleep(0.005)

    def interfere(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            time.sleep(0.02)
            task_id = chance.choice(list(made) or ["nothing"])
            try:
                house.tasks.cancel_or_delete(task_id, caller=callers[made.get(task_id, CALLER.account_id)])
            except TaskNotFound:
                continue

    with ThreadPoolExecutor(6) as threads:
        running = [threads.submit(work, f"server/{number}") for number in range(2)]
        running += [threads.submit(submit, seed) for seed in (1, 2)] + [threads.submit(interfere, seed) for seed in (3, 4)]
        time.sleep(SECONDS)
        over.set()
        for part in running:
            part.result(timeout=60)

    left = {task.id: task for caller in callers.values() for task in house.generation.recent(caller=caller, limit=10_000)}
    files: dict[str, list[str]] = {}
    for stored in house.storage.list(""):
        files.setdefault(owner_of(stored.key)[1], []).append(stored.key)
    assert len(made) > len(left) > 0, "nothing was deleted"
    assert files.keys() == left.keys(), "a file without its task, or a task without its inputs"
    for task_id, task in left.items():
        assert task.status.ended
        outputs = [key for key in files[task_id] if key.startswith("outputs/")]
        assert sorted(outputs) == sorted(key for output in task.outputs for key in shown_keys(output.key))
        assert (task.status is TaskStatus.COMPLETED) == bool(outputs)
    assert house.scratch() == []
    house.database.dispose()
