"""A clock that tests move."""

from datetime import datetime, timedelta


class ManualClock:
    """Stands still until `pass_time`."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, **length: float) -> None:
        self.now += timedelta(**length)
