"""The simulation against real worker processes of a real server on this machine."""

import base64
import io
import itertools
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
from queueing import Arrival, Outcome, simulate

from service import MODEL, make_key, server
from spark_avatar.app.openings import open_tasks
from spark_avatar.config import Settings
from spark_avatar.media.audio import read_samples
from spark_avatar.media.samples import sample_portrait, sample_speech
from spark_avatar.tasks.task import Task

RATE = 16_000
SECONDS = 2.0
"""Length of the recordings: short, so that a run takes minutes."""
WORKERS = (1, 2, 4)
LOAD = 0.8
"""Of what the workers can do together."""
SEED = 11
ACCOUNTS = 3
_ROUNDS = 30
"""Until the simulated service time is the real one: it depends on how many work at once, which depends on it."""


class Site:
    """A running server with workers, and callers of several accounts."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self._clients = [
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {make_key(data_dir, f'account-{number}')}"}, timeout=60)
            for number in range(ACCOUNTS)
        ]
        self._store = open_tasks(Settings(data_dir=data_dir))
        folder = Path(tempfile.mkdtemp(dir=data_dir))
        self._image = _data_url(sample_portrait(folder / "portrait.png").read_bytes(), "image/png")
        self._audio = _data_url(_wav(read_samples(sample_speech(), rate=RATE)[: int(SECONDS * RATE)]), "audio/wav")

    def submit(self, account: int = 0) -> str:
        """A task; returns its id."""
        params = {"image_url": self._image, "audio_url": self._audio, "resolution": "360p", "seed": 1}
        answer = self._clients[account].post("/model/v1/generation", json={"model": MODEL, "input": [{"params": params}]})
        return str(answer.raise_for_status().json()["id"])

    def ended(self, ids: Sequence[str]) -> list[Task]:
        """The tasks, when all have ended."""
        while True:
            tasks = [self._store.get(task_id) for task_id in ids]  # type: ignore[arg-type]
            if all(task.status.ended for task in tasks):
                failed = [task.failure for task in tasks if task.failure]
                if failed:
                    raise SystemExit(f"a task failed: {failed[0]}")
                return tasks
            time.sleep(0.1)

    def close(self) -> None:
        """Hangs up."""
        for client in self._clients:
            client.close()


@contextmanager
def site(workers: int) -> Iterator[Site]:
    """A fresh server with so many workers, all of them warm."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), workers=workers) as served:
        running = Site(served.url, Path(folder))
        try:
            running.ended([running.submit() for _ in range(2 * workers)])
            yield running
        finally:
            running.close()


def service_time(running: Site, busy: int, count: int) -> float:
    """Mean seconds that a task keeps its worker busy while `busy` workers are: so many tasks are kept going at all times."""
    waiting = [running.submit() for _ in range(busy)]
    ids = list(waiting)
    while len(ids) < count + busy:
        tasks = [running._store.get(task_id) for task_id in waiting]
        waiting = [task.id for task in tasks if not task.status.ended]
        for _ in range(busy - len(waiting)):
            waiting.append(running.submit())
            ids.append(waiting[-1])
        time.sleep(0.02)
    tasks = running.ended(ids)[: len(ids) - busy]  # the last ones ran among fewer
    return float(np.mean([_seconds(task.started_at, task.ended_at) for task in tasks]))


def measure() -> str:
    """The line of service time over the length of the recording, by three lengths, one worker."""
    from spark_avatar.engines.registry import EngineRegistry
    from spark_avatar.pipeline import Pipeline

    pipeline = Pipeline(EngineRegistry())
    samples = read_samples(sample_speech(), rate=RATE)
    lengths, seconds = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = sample_portrait(folder / "portrait.png")
        for length in (2.0, 4.0, 8.0, 8.0, 4.0, 2.0):
            (folder / "speech.wav").write_bytes(_wav(samples[: int(length * RATE)]))
            began = time.perf_counter()
            # A portrait that was not seen before: a worker's usual case.
            pipeline.engines.engine("portrait")._subjects.clear()  # type: ignore[attr-defined]
            pipeline.render(image, folder / "speech.wav", folder / "out.mp4", engine="portrait")
            lengths.append(length)
            seconds.append(time.perf_counter() - began)
    per_second, setup = np.polyfit(lengths[1:], seconds[1:], 1)  # the first one loaded the models
    return f"{setup:.2f} s + {per_second:.3f} s per second of recording"


def check(count: int) -> str:
    """For 1, 2 and 4 workers: how long real tasks waited, and how long simulated ones do that came at the same moments.

    How much workers slow each other down is measured before. How fast the machine is, is taken from the run itself: it may have
    had something else to do then. So what is checked is the queue, the turns and the shared cores, not the machine's mood.
    """
    with site(max(WORKERS)) as running:
        times = {busy: service_time(running, busy, max(4, 2 * busy)) for busy in WORKERS}
    speed = _speed(times)
    lines = [
        "Service time with so many workers busy: " + ", ".join(f"{busy}: {times[busy]:.2f} s" for busy in WORKERS),
        "",
        "Real and simulated:",
        "",
        "| workers | tasks | service, before and in the run | | mean wait | | p50 | | p95 | | all done after | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for workers in WORKERS:
        arrivals = _arrivals(count, LOAD * workers / times[workers], times[1])
        tasks = _play(arrivals, workers)
        begun = tasks[0].created_at
        came = [(task.created_at - begun).total_seconds() for task in tasks]
        real = np.array([_seconds(task.created_at, task.started_at) for task in tasks])
        # The same moments, as they really were.
        played = [Arrival(moment, arrival.account, arrival.work) for moment, arrival in zip(came, arrivals, strict=True)]
        expected = simulate(played, workers, speed=speed)
        served = float(np.mean([_seconds(task.started_at, task.ended_at) for task in tasks]))
        outcome = _as_fast(played, workers, speed, served)
        last = max(_seconds(begun, task.ended_at) for task in tasks)
        pairs = [
            (_service(expected), served),
            (real.mean(), outcome.waits.mean()),
            *((np.percentile(real, share), np.percentile(outcome.waits, share)) for share in (50, 95)),
            (last, outcome.seconds),
        ]
        cells = " | ".join(f"{found:.2f} s | {said:.2f} s" for found, said in pairs)
        lines.append(f"| {workers} | {count} | {cells} |")
    return "\n".join(lines)


def _as_fast(played: Sequence[Arrival], workers: int, speed: Callable[[int], float], served: float) -> Outcome:
    """The simulation on a machine on which tasks keep their workers busy for `served` seconds in the mean."""
    for _ in range(_ROUNDS):
        outcome = simulate(played, workers, speed=speed)
        factor = served / _service(outcome)
        played = [replace(arrival, work=arrival.work * factor) for arrival in played]
    return outcome


def _service(outcome: Outcome) -> float:
    """Mean seconds that a task kept its worker busy."""
    return float((outcome.stays - outcome.waits).mean())


def _play(arrivals: Sequence[Arrival], workers: int) -> list[Task]:
    with site(workers) as running:
        began, ids = time.perf_counter(), []
        for arrival in arrivals:
            time.sleep(max(0.0, began + arrival.time - time.perf_counter()))
            ids.append(running.submit(arrival.account))
        return running.ended(ids)


def _arrivals(count: int, per_second: float, work: float) -> list[Arrival]:
    """In bursts of up to six at once, at a mean rate."""
    rng = np.random.default_rng(SEED)
    arrivals: list[Arrival] = []
    now = 0.0
    while len(arrivals) < count:
        size = int(rng.integers(1, 7))
        arrivals += [Arrival(now + 0.05 * place, int(rng.integers(0, ACCOUNTS)), work) for place in range(size)]
        now += float(rng.exponential(size / per_second))
    return sorted(arrivals[:count], key=lambda arrival: arrival.time)


def _speed(times: dict[int, float]) -> Callable[[int], float]:
    """How fast each worker works among so many: 1 for one alone, between what was measured on a line."""
    busy = sorted(times)
    speeds = [times[busy[0]] / times[count] for count in busy]
    assert all(slower <= faster * 1.2 for faster, slower in itertools.pairwise(speeds)), "more busy workers were faster"
    return lambda count: float(np.interp(count, busy, speeds))


def _seconds(begin: object, end: object) -> float:
    return (end - begin).total_seconds()  # type: ignore[operator, no-any-return]


def _wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _data_url(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64," + base64.b64encode(content).decode()
