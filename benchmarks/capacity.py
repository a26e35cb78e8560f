"""How many workers are needed: waiting times and cost by simulation, and a check of the simulation against real workers.

    python benchmarks/capacity.py                    the sizing tables, from the service times below
    python benchmarks/capacity.py --measure          service times of this machine, as a line over the recording's length
    python benchmarks/capacity.py --check            1, 2 and 4 real worker processes against what the simulation says of them

The simulation knows queueing, bursts, turns of accounts and workers that share cores. It does not know failures, the start of
machines, or a store that is slow.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from queueing import Outcome, Traffic, simulate

SETUP_SECONDS = 1.0
SECONDS_PER_SECOND = 0.30
"""Service time of a task: set-up, and seconds of work per second of recording; 512 x 512 at 25 frames a second on two cores.
Measured by `--measure` on the machine of RESULTS.md."""
MEDIAN_SECONDS = 12.0
SPREAD = 0.7
LONGEST_SECONDS = 600.0
"""Lengths of recordings: log-normal, median and standard deviation of the logarithm; an assumption, change it to yours."""
LEAST_TASKS, MOST_TASKS = 20_000, 1_000_000
LEAST_SECONDS = 12_000.0
"""Of a run: twenty bursts and more, unless that were more tasks than the most."""
SEED = 7
WORKERS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000)
LOADS = (60, 300, 1_000, 5_000, 20_000, 100_000)
"""Videos an hour."""


@dataclass(frozen=True)
class Service:
    """How long a task keeps a worker busy."""

    setup: float
    per_second: float

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Service times of so many tasks."""
        lengths = np.minimum(LONGEST_SECONDS, MEDIAN_SECONDS * np.exp(SPREAD * rng.standard_normal(count)))
        return self.setup + self.per_second * lengths

    def mean(self) -> float:
        """Seconds a task."""
        return float(self.draw(np.random.default_rng(SEED), 200_000).mean())


def run(service: Service, workers: int, per_second: float, *, seed: int = SEED) -> Outcome:
    """The usual traffic at a mean rate."""
    count = min(max(LEAST_TASKS, int(per_second * LEAST_SECONDS)), MOST_TASKS)
    return simulate(Traffic(per_second).arrivals(count, service.draw, seed), workers)


def table_by_workers(service: Service, load: float, price: float) -> str:
    """Waiting times of 1 to 1,000 workers at a mean load, and what a video costs."""
    lines = [
        f"At {load:.0%} mean load (tasks x service time / workers), bursts of 6 times the calm rate for a minute in ten:",
        "",
        "| workers | videos an hour | p50 wait | p95 | p99 | p95 of the 19 lighter accounts | US$ per 1,000 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for workers in WORKERS:
        per_second = load * workers / service.mean()
        outcome = run(service, workers, per_second)
        cost = 1000 * workers * price / (per_second * 3600)
        lighter = outcome.percentile(95, accounts=lambda accounts: accounts > 0)
        waits = " | ".join(_seconds(outcome.percentile(share)) for share in (50, 95, 99))
        lines.append(f"| {workers} | {per_second * 3600:,.0f} | {waits} | {_seconds(lighter)} | {cost:.2f} |")
    return "\n".join(lines)


def table_by_load(service: Service, targets: tuple[float, ...], price: float) -> str:
    """The fewest workers whose 95th percentile of waiting is within each target."""
    heads = " | ".join(f"workers for p95 of {_seconds(target)} | load | US$ per 1,000" for target in targets)
    lines = [f"| videos an hour | {heads} |", "| --- |" + " --- | --- | --- |" * len(targets)]
    for hourly in LOADS:
        cells = [f"{hourly:,}"]
        for target in targets:
            workers, load = sized(service, hourly / 3600, target)
            cells += [str(workers), f"{load:.0%}", f"{1000 * workers * price / hourly:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sized(service: Service, per_second: float, target: float) -> tuple[int, float]:
    """The fewest workers whose 95th percentile is within the target, and their mean load."""
    demand = per_second * service.mean()
    workers = fewest(lambda count: run(service, count, per_second).percentile(95) <= target, demand)
    return workers, demand / workers


def fewest(enough: Callable[[int], bool], demand: float) -> int:
    """The least number that is enough; at least what the mean demand needs."""
    low, high = max(0, int(demand)), max(1, int(np.ceil(demand)))
    while not enough(high):
        low, high = high, max(high + 1, int(high * 1.3))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 99.5 else f"{seconds / 60:.0f} min"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure service times here")
    parser.add_argument("--check", action="store_true", help="compare with real workers here")
    parser.add_argument("--tasks", type=int, default=40, help="tasks of each real run [40]")
    parser.add_argument("--setup", type=float, default=SETUP_SECONDS, help="seconds of set-up of a task")
    parser.add_argument("--per-second", type=float, default=SECONDS_PER_SECOND, help="seconds of work per second of recording")
    parser.add_argument("--price", type=float, default=0.08, help="US dollars per worker and hour: two cores [0.08]")
    chosen = parser.parse_args()
    if chosen.measure or chosen.check:
        import capacity_check

        print(capacity_check.measure() if chosen.measure else capacity_check.check(chosen.tasks))
        return
    service = Service(chosen.setup, chosen.per_second)
    print(f"Service time {service.setup:g} s + {service.per_second:g} s per second of recording: {service.mean():.2f} s a task\n")
    print(table_by_workers(service, 0.7, chosen.price) + "\n")
    print(table_by_load(service, (10.0, 60.0), chosen.price))


if __name__ == "__main__":
    main()
