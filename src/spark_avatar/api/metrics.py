"""Prometheus metrics: requests by route, and the queue as it stands when asked."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from spark_avatar.dispatch.roster import WorkerRecord, WorkerState
from spark_avatar.tasks.demand import DemandMeter
from spark_avatar.tasks.store import QueueFacts, StageTotal

_SECONDS = (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """Counts and latencies of requests, by route template: the number of series does not grow with ids or odd methods."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = CounterMetric(
            "spark_avatar_http_requests", "Answered requests.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "spark_avatar_http_request_seconds",
            "Time from request to the end of the answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Records one request; status 0 is a caller that left before the answer."""
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)


class QueueCollector(Collector):
    """Asks the task store at every scrape, so that the figures hold for all processes together."""

    def __init__(self, facts: Callable[[], QueueFacts]) -> None:
        self._facts = facts

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry must not ask the store when the collector is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        facts = self._facts()
        tasks = GaugeMetricFamily("spark_avatar_tasks", "Tasks by status.", labels=("status",))
        for status in ("queued", "running", "completed", "failed"):
            tasks.add_metric((status,), getattr(facts, status))
        yield tasks
        failures = GaugeMetricFamily("spark_avatar_failed_tasks", "Failed tasks by error code.", labels=("code",))
        for code, count in facts.failures_by_code.items():
            failures.add_metric((code,), count)
        yield failures
        yield GaugeMetricFamily(
            "spark_avatar_oldest_queued_seconds", "Age of the oldest waiting task.", value=facts.oldest_queued_seconds
        )


class StageCollector(Collector):
    """What completed tasks took. Asks the store at every scrape: the sums are those of all workers together, and never fall."""

    def __init__(self, totals: Callable[[], Sequence[StageTotal]]) -> None:
        self._totals = totals

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry must not ask the store when the collector is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The counters."""
        seconds = CounterMetricFamily(
            "spark_avatar_stage_seconds", "Seconds that completed tasks spent in a stage.", labels=("engine", "stage")
        )
        tasks = CounterMetricFamily(
            "spark_avatar_stage_tasks", "Completed tasks that went through a stage.", labels=("engine", "stage")
        )
        video = CounterMetricFamily("spark_avatar_video_seconds", "Seconds of video that were made.", labels=("engine",))
        for total in self._totals():
            if total.stage == "video":
                video.add_metric((total.engine,), total.seconds)
            else:
                seconds.add_metric((total.engine, total.stage), total.seconds)
                tasks.add_metric((total.engine, total.stage), total.tasks)
        yield seconds
        yield tasks
        yield video


class DemandCollector(Collector):
    """What autoscaling follows, by engine; asks the store at every scrape."""

    def __init__(self, meter: DemandMeter) -> None:
        self._meter = meter

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry must not ask the store when the collector is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        workers = GaugeMetricFamily(
            "spark_avatar_worker_demand", "Worker processes that would be busy if there were any number.", labels=("engine",)
        )
        oldest = GaugeMetricFamily(
            "spark_avatar_engine_oldest_queued_seconds", "Age of the engine's oldest waiting task.", labels=("engine",)
        )
        for engine, demand in self._meter.by_engine().items():
            workers.add_metric((engine,), demand.workers)
            oldest.add_metric((engine,), demand.oldest_seconds)
        yield workers
        yield oldest


class WorkerCollector(Collector):
    """Who works, on all machines; asks the roster at every scrape."""

    def __init__(self, workers: Callable[[], Sequence[WorkerRecord]]) -> None:
        self._workers = workers

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry must not ask the store when the collector is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The gauge."""
        counts = Counter("silent" if worker.silent else worker.state.value for worker in self._workers())
        gauge = GaugeMetricFamily("spark_avatar_workers", "Worker processes by state.", labels=("state",))
        for state in (*WorkerState, "silent"):
            gauge.add_metric((state,), counts[state])
        yield gauge
