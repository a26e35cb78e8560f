"""A discrete-event simulation of the queue: arrivals in bursts, accounts taking turns, workers that take one task at a time."""

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

_WARM_UP = 0.05


@dataclass(frozen=True, slots=True)
class Arrival:
    """A task as it comes in."""

    time: float
    """Seconds."""
    account: int
    work: float
    """Seconds that it takes a worker that has its cores to itself."""


@dataclass(frozen=True)
class Outcome:
    """What became of the tasks, in the order of their arrival."""

    waits: np.ndarray
    """Seconds from arrival to a worker's claim."""
    stays: np.ndarray
    """Seconds from arrival to the end."""
    accounts: np.ndarray
    busy_seconds: float
    """Of all workers together."""
    seconds: float
    """From the first arrival to the last end."""

    def percentile(
        self, share: float, *, skip: float = 0.05, accounts: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> float:
        """Of the waiting times, without the first `skip` of the tasks, which find an empty house."""
        start = int(len(self.waits) * skip)
        waits = self.waits[start:]
        if accounts is not None:
            waits = waits[accounts(self.accounts[start:])]
        return float(np.percentile(waits, share)) if len(waits) else 0.0


def alone(_busy: int) -> float:
    """Every worker has its cores to itself."""
    return 1.0


def simulate(arrivals: Sequence[Arrival], workers: int, *, speed: Callable[[int], float] = alone) -> Outcome:
    """Runs the tasks. Of several accounts that wait, the one that was served longest ago is next, with its oldest task.

    `speed(busy)` is how fast each busy worker works when so many are: workers that share cores slow each other down. All have
    the same speed at any moment, so one clock of work runs for all, and a task ends when it shows its start plus its work.
    """
    house = _House(speed)
    waits = np.zeros(len(arrivals))
    ends = np.zeros(len(arrivals))
    waiting: dict[int, deque[int]] = {}
    turns: list[tuple[float, int, int]] = []  # accounts that wait: when they were served last, ties in the order of arrival
    served: dict[int, float] = {}
    count = 0

    def start_what_can() -> None:
        nonlocal count
        while len(house.running) < workers and turns:
            _, _, account = heapq.heappop(turns)
            number = waiting[account].popleft()
            count += 1
            served[account] = count
            if waiting[account]:
                heapq.heappush(turns, (count, number, account))
            waits[number] = house.now - arrivals[number].time
            house.start(number, arrivals[number].work)

    for number, arrival in enumerate(arrivals):
        for ended in house.run_until(arrival.time):
            ends[ended] = house.now
            start_what_can()
        queue = waiting.setdefault(arrival.account, deque())
        if not queue:
            heapq.heappush(turns, (served.get(arrival.account, 0), number, arrival.account))
        queue.append(number)
        start_what_can()
    for ended in house.run_until(math.inf):
        ends[ended] = house.now
        start_what_can()
    began = arrivals[0].time if arrivals else 0.0
    stays = ends - np.array([arrival.time for arrival in arrivals])
    accounts = np.array([arrival.account for arrival in arrivals])
    return Outcome(waits, stays, accounts, house.busy_seconds, house.now - began)


class _House:
    """Busy workers and their clock of work."""

    def __init__(self, speed: Callable[[int], float]) -> None:
        self.now = 0.0
        self.busy_seconds = 0.0
        self.running: list[tuple[float, int]] = []
        self._speed = speed
        self._worked = 0.0
        """What the clock of work shows."""

    def start(self, number: int, work: float) -> None:
        """A worker begins a task."""
        heapq.heappush(self.running, (self._worked + work, number))

    def run_until(self, time: float) -> Iterator[int]:
        """Lets time pass; yields every task at the moment of its end, when others may begin."""
        while self.running:
            speed = self._speed(len(self.running))
            ends_at, number = self.running[0]
            moment = self.now + max(0.0, ends_at - self._worked) / speed
            if moment > time:
                break
            self._pass(moment - self.now, speed)
            self._worked = ends_at  # without what rounding leaves
            heapq.heappop(self.running)
            yield number
        if time < math.inf:
            self._pass(time - self.now, self._speed(max(1, len(self.running))))

    def _pass(self, seconds: float, speed: float) -> None:
        self.busy_seconds += seconds * len(self.running)
        self._worked += seconds * speed
        self.now += seconds


@dataclass(frozen=True)
class Traffic:
    """Tasks that come in bursts: a Poisson process whose rate changes between calm and burst (a Markov-modulated one)."""

    per_second: float
    """Mean rate."""
    burst_factor: float = 6.0
    """How much more comes in a burst than in a calm."""
    burst_seconds: float = 60.0
    calm_seconds: float = 540.0
    """Mean lengths, exponentially distributed."""
    accounts: int = 20
    heavy_share: float = 0.5
    """Of all tasks, those of account 0."""

    def arrivals(self, count: int, work: Callable[[np.random.Generator, int], np.ndarray], seed: int) -> list[Arrival]:
        """So many tasks; `work` draws their service times."""
        rng = np.random.default_rng(seed)
        share = self.burst_seconds / (self.burst_seconds + self.calm_seconds)
        calm_rate = self.per_second / (1 - share + share * self.burst_factor)
        times: list[float] = []
        now, bursting = 0.0, False
        while len(times) < count:
            length = rng.exponential(self.burst_seconds if bursting else self.calm_seconds)
            rate = calm_rate * (self.burst_factor if bursting else 1.0)
            times.extend(now + np.sort(rng.uniform(0, length, rng.poisson(rate * length))))
            now += length
            bursting = not bursting
        accounts = np.where(rng.random(count) < self.heavy_share, 0, rng.integers(1, max(2, self.accounts), count))
        works = work(rng, count)
        return [Arrival(float(t), int(a), float(w)) for t, a, w in zip(times[:count], accounts, works, strict=True)]
