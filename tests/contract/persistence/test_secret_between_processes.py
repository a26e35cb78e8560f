"""The secret, made by several processes at once."""

import multiprocessing

from storage_processes import load_at_once

spawn = multiprocessing.get_context("spawn")


def test_processes_that_start_together_agree(tmp_path):
    path = tmp_path / "new" / "secret"
    start, results = spawn.Barrier(4), spawn.Queue()
    processes = [spawn.Process(target=load_at_once, args=(str(path), start, results)) for _ in range(4)]
    for process in processes:
        process.start()
    secrets = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(timeout=60)
    assert secrets == {path.read_bytes()}
    assert [file.name for file in path.parent.iterdir()] == ["secret"]
