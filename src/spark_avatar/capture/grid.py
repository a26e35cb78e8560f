"""From frames at the times they were filmed to measurements at a constant rate, which tracks have."""

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from spark_avatar.capture.following import Sighting
from spark_avatar.capture.measurements import MEASUREMENTS
from spark_avatar.errors import FaceNotFound
from spark_avatar.media.arrays import Curve
from spark_avatar.media.film import FilmFrame

Measured = dict[str, Curve]
"""Measurements by name, (frames,)."""

SLOWEST: Final = 1
FASTEST: Final = 60
"""Frames a second of a track. Faces do nothing that sixty pictures a second don't show."""
LEAST_SEEN: Final = 0.3
"""Share of the frames that must show a face."""


def track_rate(film_rate: Fraction) -> Fraction:
    """The track's frames a second: the film's own, or the part of it that is no more than `FASTEST`."""
    return max(film_rate / math.ceil(film_rate / FASTEST), Fraction(SLOWEST))


def thinned(frames: Iterable[FilmFrame], film_rate: Fraction, rate: Fraction) -> Iterator[FilmFrame]:
    """The frames without those that come sooner after the one before than a track of `rate` can tell."""
    soonest = -math.inf
    for frame in frames:
        if frame.seconds >= soonest:
            yield frame
            soonest = frame.seconds + float(1 / rate - 1 / (2 * film_rate))


def on_grid(sightings: Sequence[Sighting], rate: Fraction) -> Measured:
    """Measurements at `rate` from the first frame to the end of the last one, linear in between and over frames without a face.

    Raises `FaceNotFound` if under `LEAST_SEEN` of the frames show a face.
    """
    seen = [sighting for sighting in sightings if sighting.measured is not None]
    if not sightings or len(seen) < LEAST_SEEN * len(sightings):
        raise FaceNotFound(
            f"A face is seen in {len(seen)} of the video's {len(sightings)} frames: use a video of one person's face, from the "
            "front and well lit.",
            facts={"frames": len(sightings), "frames_with_face": len(seen)},
        )
    last = sightings[-1]
    count = max(round(last.seconds * rate) + 1, round((last.seconds + last.shown) * rate))
    grid = np.arange(count) / float(rate)
    times = [sighting.seconds for sighting in seen]
    values = np.stack([sighting.measured for sighting in seen if sighting.measured is not None])
    return {name: np.interp(grid, times, values[:, column]).astype(np.float32) for column, name in enumerate(MEASUREMENTS)}
