"""Parts of a job, each with its own 0..1."""

from dataclasses import dataclass

from spark_avatar.engines.engine import RenderMonitor


@dataclass(frozen=True)
class MonitorSpan:
    """A monitor for the stretch from `start` to `end` of a job that another monitor watches."""

    whole: RenderMonitor
    start: float
    end: float

    def progress(self, fraction: float, stage: str) -> None:
        """`fraction` 0..1 of this stretch is done."""
        self.whole.progress(self.start + (self.end - self.start) * fraction, stage)

    def checkpoint(self) -> None:
        """As the whole's."""
        self.whole.checkpoint()
