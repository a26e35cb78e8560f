"""The use case of looking at inputs before a video is made of them."""

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from spark_avatar.errors import QueueFull
from spark_avatar.media.limits import MediaLimits
from spark_avatar.service.faults import InputKind, faults_of
from spark_avatar.service.fetch import InputFetcher
from spark_avatar.service.helper_process import HelperProcess
from spark_avatar.service.inspection import (
    PortraitFindings,
    RecordingFindings,
    inspect_portrait,
    inspect_recording,
    measure_recording,
)
from spark_avatar.service.urls import is_data_url, parse_url

_MOST_FETCHED: Final = 8
"""Inputs that are fetched from elsewhere at the same time. Each holds one of the threads that all calls share, for as long as
its host likes.
"""
_Findings = TypeVar("_Findings")


@dataclass(frozen=True)
class AnalysisService:
    """Fetches an input as a worker would, and looks at it."""

    fetcher: InputFetcher
    helper: HelperProcess
    limits: MediaLimits
    scratch: Path
    """An existing folder for what is looked at."""
    _places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_MOST_FETCHED))

    def portrait(self, url: str) -> PortraitFindings:
        """Raises what a task with this `image_url` would fail with, and `QueueFull`."""
        return self._look(url, "image", inspect_portrait)

    def recording(self, url: str) -> RecordingFindings:
        """Raises what a task with this `audio_url` would fail with, and `QueueFull`."""
        return self._look(url, "audio", inspect_recording)

    def length_at_hand(self, url: str) -> float | None:
        """How many seconds the recording of an `audio_url` has, where it is here already and there is somebody to look at it;
        None otherwise. Raises what a task with this recording would fail with.
        """
        if not self.fetcher.is_at_hand(url):
            return None
        try:
            return self._look(url, "audio", measure_recording)
        except QueueFull:
            return None

    def _look(self, url: str, kind: InputKind, inspect: Callable[[Path, MediaLimits], _Findings]) -> _Findings:
        if not is_data_url(url):
            parse_url(url, faults_of(kind, self.limits))
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix="analysis-") as folder:
            path = self._fetch(url, kind, Path(folder) / kind)
            return self.helper.call(inspect, path, self.limits)

    def _fetch(self, url: str, kind: InputKind, destination: Path) -> Path:
        if self.fetcher.is_at_hand(url):
            return self.fetcher.fetch(url, kind, destination)
        if not self._places.acquire(blocking=False):
            raise QueueFull("Too many files are being fetched to be looked at: try again in a moment, or upload the file.")
        try:
            return self.fetcher.fetch(url, kind, destination)
        finally:
            self._places.release()
