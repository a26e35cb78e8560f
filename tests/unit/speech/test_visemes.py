import csv
import json
from itertools import pairwise

import numpy as np
import pytest

from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.visemes import VISEMES, Viseme, find_visemes, listed, viseme_probabilities, write_visemes


def said(*parts: tuple[str, int], sure: float = 0.9) -> np.ndarray:
    """(n, 15) probabilities of visemes that last so many frames each."""
    rows = [VISEMES.index(name) for name, frames in parts for _ in range(frames)]
    probabilities = np.full((len(rows), len(VISEMES)), (1 - sure) / (len(VISEMES) - 1), np.float32)
    probabilities[np.arange(len(rows)), rows] = sure
    return probabilities


def found(probabilities: np.ndarray, activity: np.ndarray | None = None) -> list[Viseme]:
    active = np.ones(len(probabilities), bool) if activity is None else activity
    return find_visemes(probabilities, active, seconds=len(probabilities) / FEATURE_RATE)


def test_every_class_of_sounds_counts_once():
    sounds = np.random.default_rng(0).dirichlet(np.ones(27), 50).astype(np.float32)
    np.testing.assert_allclose(viseme_probabilities(sounds).sum(axis=1), 1, atol=1e-5)


def test_what_was_said_comes_back_with_its_times():
    visemes = found(said(("sil", 10), ("PP", 5), ("aa", 10), ("SS", 6), ("sil", 9)))
    assert [one.name for one in visemes] == ["sil", "PP", "aa", "SS", "sil"]
    assert visemes[1].start == pytest.approx(10 / FEATURE_RATE, abs=0.011)
    assert visemes[1].end == pytest.approx(15 / FEATURE_RATE, abs=0.011)


def test_visemes_cover_the_recording_without_a_gap():
    rng = np.random.default_rng(1)
    visemes = found(rng.dirichlet(np.ones(15) * 0.2, 400).astype(np.float32))
    assert visemes[0].start == 0
    assert visemes[-1].end == 8.0
    assert all(one.end == after.start and one.start < one.end for one, after in pairwise(visemes))


def test_a_doubtful_frame_does_not_flicker():
    assert len(found(said(("aa", 20)))) == 1
    doubtful = said(("aa", 20))
    doubtful[10] = said(("E", 1), sure=0.4)[0]
    assert [one.name for one in found(doubtful)] == ["aa"]


def test_where_nobody_speaks_it_is_silent():
    activity = np.ones(60, bool)
    activity[20:40] = False
    assert [one.name for one in found(said(("aa", 60)), activity)] == ["aa", "sil", "aa"]


def test_files_hold_the_same(tmp_path):
    visemes = found(said(("sil", 10), ("PP", 5), ("aa", 10)))
    write_visemes(visemes, tmp_path / "v.json")
    write_visemes(visemes, tmp_path / "v.csv")
    assert json.loads((tmp_path / "v.json").read_text()) == listed(visemes)
    with (tmp_path / "v.csv").open() as file:
        rows = [{**row, "start": float(row["start"]), "end": float(row["end"])} for row in csv.DictReader(file)]
    assert rows == listed(visemes)


def test_no_sound_no_visemes():
    assert find_visemes(np.zeros((0, 15), np.float32), np.zeros(0, bool), seconds=0.0) == []
