"""The simulation against what is known: formulas of queueing theory, and cases that can be followed by hand."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from capacity import Service, fewest
from queueing import Arrival, Traffic, simulate


def exponential(mean):
    return lambda rng, count: rng.exponential(mean, count)


def poisson(per_second):
    return Traffic(per_second, burst_factor=1.0)


def erlang_c(workers, offered):
    """The chance that a task waits, of M/M/c with so much offered work."""
    terms = [offered**k / math.factorial(k) for k in range(workers)]
    last = offered**workers / math.factorial(workers) * workers / (workers - offered)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (1, 0.8), (4, 0.7), (16, 0.85)])
def test_poisson_arrivals_wait_as_the_formula_says(workers, load):
    offered = load * workers
    outcome = simulate(poisson(offered).arrivals(60_000, exponential(1.0), seed=3), workers)
    expected = erlang_c(workers, offered) / (workers - offered)
    assert outcome.waits[3000:].mean() == pytest.approx(expected, rel=0.12)
    assert np.mean(outcome.waits[3000:] > 0) == pytest.approx(erlang_c(workers, offered), abs=0.03)


def test_the_work_is_done_once():
    arrivals = Traffic(3.0).arrivals(5_000, exponential(1.0), seed=5)
    outcome = simulate(arrivals, 4)
    assert outcome.busy_seconds == pytest.approx(sum(arrival.work for arrival in arrivals))
    assert np.allclose(outcome.stays - outcome.waits, [arrival.work for arrival in arrivals])
    assert (outcome.waits >= 0).all()


def test_accounts_take_turns():
    """Account 0 brings five tasks, then account 1 one: it waits for one of them, not for five."""
    arrivals = [Arrival(0.01 * n, 0, 1.0) for n in range(5)] + [Arrival(0.1, 1, 1.0)]
    waits = simulate(arrivals, 1).waits
    assert waits[5] == pytest.approx(1.0 - 0.1)
    assert list(np.argsort([a.time + w for a, w in zip(arrivals, waits, strict=True)])) == [0, 5, 1, 2, 3, 4]


def test_workers_that_share_cores_slow_each_other_down():
    both = [Arrival(0.0, 0, 1.0), Arrival(0.5, 1, 1.0)]
    outcome = simulate(both, 2, speed=lambda busy: 1.0 if busy == 1 else 0.5)
    # Alone until 0.5, then at half speed until 1.5, then the other alone again until 2.
    assert list(outcome.stays) == pytest.approx([1.5, 1.5])


def test_traffic_has_its_mean_rate_and_comes_in_bursts():
    times = np.array([arrival.time for arrival in Traffic(5.0).arrivals(60_000, exponential(1.0), seed=1)])
    assert len(times) / times[-1] == pytest.approx(5.0, rel=0.15)
    assert (np.diff(times) >= 0).all()
    per_minute = np.bincount((times / 60).astype(int))
    assert per_minute.var() / per_minute.mean() > 20, "as even as a Poisson process"


def test_the_same_seed_gives_the_same_figures():
    def once():
        return simulate(Traffic(2.0).arrivals(2_000, exponential(1.0), seed=9), 3).percentile(95)

    assert once() == once()


def test_more_workers_wait_less():
    service = Service(1.0, 0.3)
    arrivals = Traffic(1.0).arrivals(5_000, service.draw, seed=2)
    waits = [simulate(arrivals, workers).percentile(95) for workers in (5, 6, 8, 12)]
    assert waits == sorted(waits, reverse=True)


@pytest.mark.parametrize("answer", [1, 7, 40, 1000])
def test_the_fewest_workers_are_found(answer):
    assert fewest(lambda count: count >= answer, demand=answer / 3) == answer
