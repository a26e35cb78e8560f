"""Measurements of frames that come when they like, at a constant rate."""

from fractions import Fraction

import numpy as np
import pytest

from spark_avatar.capture.following import Sighting
from spark_avatar.capture.grid import on_grid, thinned, track_rate
from spark_avatar.capture.measurements import MEASUREMENTS
from spark_avatar.errors import FaceNotFound
from spark_avatar.media.film import FilmFrame


def sightings(times, *, hidden=(), shown=0.0):
    """Every measurement is ten times the time."""
    return [
        Sighting(time, shown, None if i in hidden else np.full(len(MEASUREMENTS), 10 * time, np.float32))
        for i, time in enumerate(times)
    ]


@pytest.mark.parametrize(
    ("film", "track"),
    [
        (25, 25),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (60, 60),
        (120, 60),
        (Fraction(120000, 1001), Fraction(60000, 1001)),
        (300, 60),
        (100, 50),
        (Fraction(1, 2), 1),
    ],
)
def test_a_track_has_the_films_rate_or_a_part_of_it(film, track):
    assert track_rate(Fraction(film)) == track


@pytest.mark.parametrize("film", [60, 300, Fraction(120000, 1001)])
def test_of_a_fast_film_every_so_manieth_frame_is_measured(film):
    every = int(film / track_rate(Fraction(film)))
    frames = [FilmFrame(np.zeros((2, 2, 3), np.uint8), i / float(film), 0.0) for i in range(30)]
    assert list(thinned(frames, Fraction(film), track_rate(Fraction(film)))) == frames[::every]


def test_measurements_lie_where_the_frames_were():
    times = np.array([0, 1, 2, 4, 5, 8, 9, 12, 15]) / 30
    for curve in on_grid(sightings(times), Fraction(30)).values():
        np.testing.assert_allclose(curve, np.arange(16) / 3, atol=1e-5)


def test_measurements_of_a_constant_rate_stay_as_they_are():
    measured = on_grid(sightings(np.arange(500) * 1001 / 30000), Fraction(30000, 1001))
    np.testing.assert_allclose(measured["gap"], np.arange(500) * 1001 / 3000, rtol=1e-6)


def test_frames_without_a_face_are_bridged():
    measured = on_grid(sightings(np.arange(10) / 25, hidden=(3, 4, 5, 9)), Fraction(25))
    np.testing.assert_allclose(measured["gap"], [*np.arange(9) / 2.5, 8 / 2.5], atol=1e-6)


def test_a_last_frame_that_stays_counts_as_long_as_it_is_shown():
    assert len(on_grid(sightings([0, 0.04, 0.08], shown=0.4), Fraction(25))["gap"]) == 12


@pytest.mark.parametrize("seen", [0, 2])
def test_too_few_faces_are_refused(seen):
    with pytest.raises(FaceNotFound, match=f"{seen} of the video's 10 frames"):
        on_grid(sightings(np.arange(10) / 25, hidden=range(seen, 10)), Fraction(25))
