from dataclasses import replace

import numpy as np
import pytest
from made_features import made_features, talk
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt

from spark_avatar.animation.blinks import animate_blinks
from spark_avatar.animation.breathing import animate_breath
from spark_avatar.animation.expression import animate_expression
from spark_avatar.animation.gaze import SIDE_DEGREES, animate_gaze
from spark_avatar.animation.head import LIMITS, animate_head
from spark_avatar.animation.phrasing import find_phrasing

MINUTES = 10
TIMES = np.arange(MINUTES * 60 * 25) / 25


@pytest.fixture(scope="module")
def speech():
    return talk(MINUTES * 60.0)


@pytest.fixture(scope="module")
def phrasing(speech):
    return find_phrasing(speech)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def onsets(lid: np.ndarray, level: float = 0.35) -> np.ndarray:
    return np.flatnonzero((lid[1:] > level) & (lid[:-1] <= level)) / 25


def test_phrases_and_accents():
    features = made_features(10.0, phrases=[(1.0, 4.0), (4.1, 5.0), (6.0, 9.0)])
    found = find_phrasing(features)
    np.testing.assert_allclose(found.starts, [1.0, 6.0], atol=0.03)
    np.testing.assert_allclose(found.ends, [5.0, 9.0], atol=0.03)
    assert len(found.accents) >= 3
    assert all(features.activity[round(accent * 50)] for accent in found.accents)
    assert len(find_phrasing(made_features(3.0, phrases=[])).accents) == 0


def asking(semitones: float):
    """Two phrases whose voice ends so much higher than it was, the second over the last 0.3 s only."""
    features = made_features(8.0, phrases=[(0.5, 3.5), (4.5, 7.5)])
    time = np.arange(len(features.pitch)) / 50
    rise = semitones * np.clip((time - 7.2) / 0.2, 0, 1)
    pitch = np.where(features.activity, 120 * 2 ** (rise / 12), 0).astype(np.float32)
    return replace(features, pitch=pitch)


def test_a_voice_that_rises_at_the_end_asks():
    assert list(find_phrasing(asking(6.0)).asks) == [False, True]
    assert list(find_phrasing(asking(1.0)).asks) == [False, False]
    assert list(find_phrasing(asking(-6.0)).asks) == [False, False]
    assert list(find_phrasing(made_features(3.0, phrases=[])).asks) == []


def test_questions_raise_brows_and_chin():
    times = np.arange(8 * 25) / 25
    told, asked = asking(0.0), asking(6.0)
    at = slice(round(7.4 * 25), round(7.6 * 25))
    brows, pitch = [], []
    for seed in range(40):
        for features in (told, asked):
            phrasing = find_phrasing(features)
            brows.append(animate_expression(phrasing, times, rng(seed), amount=1.0)["browInnerUp"][at].max())
            pitch.append(animate_head(features, phrasing, times, rng(seed), amount=1.0, beats=1.0).rotation[at, 1].mean())
    assert np.mean(brows[1::2]) > np.mean(brows[::2]) + 0.1
    assert np.mean(pitch[1::2]) < np.mean(pitch[::2]) - 1.0


def test_blinks_are_those_of_a_speaker(phrasing):
    lid = animate_blinks(phrasing, TIMES, rng())["eyeBlinkLeft"]
    starts = onsets(lid)
    intervals = np.diff(starts)
    assert 18 <= len(starts) / MINUTES <= 30
    assert 0.4 < intervals.std() / intervals.mean() < 1.0
    assert intervals.min() > 0.25
    assert intervals.max() < 20
    peaks = np.array([lid[round(s * 25) : round(s * 25) + 8].max() for s in starts])
    assert (peaks > 0.99).mean() > 0.8
    assert ((peaks > 0.4) & (peaks < 0.8)).mean() > 0.03
    assert 0.01 < (intervals < 0.6).mean() < 0.2


def test_lids_fall_faster_than_they_rise(phrasing):
    times = np.arange(60 * 200) / 200
    lid = animate_blinks(phrasing, times, rng())["eyeBlinkLeft"]
    falling, rising = (np.diff(lid) > 1e-4).sum(), (np.diff(lid) < -1e-4).sum()
    assert rising > 1.4 * falling
    closed = (lid > 0.02).astype(int)
    lengths = np.diff(np.flatnonzero(np.diff(np.r_[0, closed, 0]))[:2]) / 200
    assert 0.2 < lengths[0] < 0.36


def test_blinks_gather_at_the_end_of_phrases(phrasing):
    starts = np.concatenate([onsets(animate_blinks(phrasing, TIMES, rng(s))["eyeBlinkLeft"]) for s in range(3)])

    def near(moments: np.ndarray) -> float:
        return float(np.mean([(np.abs(phrasing.ends - m) < 0.4).any() for m in moments]))

    assert near(starts) > 1.4 * near(rng().uniform(0, MINUTES * 60, 3000))


@pytest.mark.parametrize("rate", [24, 25, 30, 60])
def test_every_full_blink_closes_at_any_rate(phrasing, rate):
    times = np.arange(120 * rate) / rate
    lid = animate_blinks(phrasing, times, rng(4))["eyeBlinkLeft"]
    peaks = lid[1:-1][(lid[1:-1] >= lid[:-2]) & (lid[1:-1] > lid[2:]) & (lid[1:-1] > 0.3)]
    assert all(peak > 0.99 or peak < 0.8 for peak in peaks)


def test_the_head_moves_like_a_speakers_and_stays_within_limits(speech, phrasing):
    head = animate_head(speech, phrasing, TIMES, rng(), amount=1.0, beats=1.0)
    total = float(np.sqrt((head.rotation.std(axis=0) ** 2).sum()))
    assert 3.0 < total < 5.5
    assert (np.abs(head.rotation) <= LIMITS).all()
    assert np.abs(head.translation).max() < 0.1
    np.testing.assert_allclose(head.rotation[0], 0, atol=1e-6)
    np.testing.assert_allclose(head.translation[0], 0, atol=1e-6)
    speed = np.abs(np.diff(head.rotation, axis=0)) * 25
    assert speed.max() < 60
    assert np.abs(np.diff(head.rotation[:5], axis=0)).max() < 0.1


def test_the_head_sways_and_a_nod_lowers_it(speech, phrasing):
    head = animate_head(speech, phrasing, TIMES, rng(), amount=1.0, beats=1.0)
    across, down, _ = head.translation.T
    # The calmest of the filmed heads shifts by 0.028 and 0.017 E within two seconds.
    assert 0.012 < across.std() < 0.03
    assert 0.010 < down.std() < 0.02
    assert np.corrcoef(down, head.rotation[:, 1])[0, 1] > 0.6


def test_the_head_neither_drifts_nor_loops(speech, phrasing):
    rotation = animate_head(speech, phrasing, TIMES, rng(), amount=1.0, beats=1.0).rotation
    parts = rotation.reshape(10, -1, 3)
    assert np.abs(parts.mean(axis=1)).max() < 2.5
    assert np.abs(parts[:5].mean(axis=(0, 1)) - parts[5:].mean(axis=(0, 1))).max() < 1.0
    assert np.ptp(parts.std(axis=1), axis=0).max() < 2.0
    yaw = rotation[:, 0] - rotation[:, 0].mean()
    spectrum = np.abs(np.fft.rfft(yaw, 2 * len(yaw))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(yaw)] / (yaw @ yaw)
    assert np.abs(correlation[10 * 25 :]).max() < 0.35


def test_the_head_goes_along_with_syllables(speech, phrasing):
    with_beats, without = (animate_head(speech, phrasing, TIMES, rng(), amount=1.0, beats=b).rotation[:, 1] for b in (1.0, 0.0))
    loudness = np.where(speech.activity, speech.loudness, speech.loudness[speech.activity].mean())
    over = gaussian_filter1d(loudness, 2) - gaussian_filter1d(loudness, 12)
    at_frames = np.interp(TIMES, np.arange(len(over)) / 50, over)
    assert np.corrcoef(with_beats - without, at_frames)[0, 1] > 0.2


def test_the_head_is_never_quite_still(speech, phrasing):
    rotation = animate_head(speech, phrasing, TIMES, rng(), amount=1.0, beats=1.0).rotation
    fast = sosfiltfilt(butter(2, 5, "highpass", fs=25, output="sos"), rotation, axis=0)
    # Over 5 Hz: what moves the face by one to three thousandths of E, and is not seen as trembling.
    assert 0.03 < fast[:, 0].std() < 0.12
    assert 0.03 < fast[:, 1].std() < 0.15
    assert np.abs(fast).max() < 0.8


def test_the_head_can_be_held_still_or_moved_more(speech, phrasing):
    still, usual, lively = (
        animate_head(speech, phrasing, TIMES, rng(), amount=a, beats=1.0).rotation.std(axis=0) for a in (0.0, 1.0, 2.0)
    )
    assert still.max() == 0
    assert (lively > 1.5 * usual).all()


def test_the_head_dips_on_accents(speech, phrasing):
    with_beats, without = (animate_head(speech, phrasing, TIMES, rng(), amount=1.0, beats=b).rotation[:, 1] for b in (1.0, 0.0))
    at = np.round(phrasing.accents * 25).astype(int)
    assert (with_beats - without)[at].mean() > 3 * abs((with_beats - without).mean())


def test_the_eyes_stay_on_the_viewer_when_the_head_turns(phrasing):
    yaw = 8 * np.sin(2 * np.pi * 0.2 * TIMES)
    rotation = np.stack([yaw, np.zeros_like(yaw), np.zeros_like(yaw)], axis=1).astype(np.float32)
    shapes = animate_gaze(rotation, phrasing, TIMES, rng())
    to_right = SIDE_DEGREES * (shapes["eyeLookOutLeft"] - shapes["eyeLookInLeft"])
    np.testing.assert_array_equal(shapes["eyeLookOutLeft"], shapes["eyeLookInRight"])
    assert np.corrcoef(to_right, -yaw)[0, 1] > 0.9
    assert np.abs(to_right + yaw).mean() < 2.5
    assert to_right[0] == pytest.approx(0, abs=0.01)


def test_the_eyes_jump_between_fixations(phrasing):
    shapes = animate_gaze(np.zeros((len(TIMES), 3), np.float32), phrasing, TIMES, rng())
    side = shapes["eyeLookOutLeft"] - shapes["eyeLookInLeft"]
    moving = np.abs(np.diff(side)) > 1e-4
    assert 0.02 < moving.mean() < 0.15
    jumps = np.flatnonzero(moving[1:] & ~moving[:-1])
    assert 30 < len(jumps) / MINUTES < 90


def test_the_eyes_look_away_at_the_start_of_some_phrases_and_come_back(phrasing):
    still = np.zeros((len(TIMES), 3), np.float32)
    away = []
    for seed in range(3):
        shapes = animate_gaze(still, phrasing, TIMES, rng(seed))
        side = SIDE_DEGREES * (shapes["eyeLookOutLeft"] - shapes["eyeLookInLeft"])
        away.append(np.abs(side) > 4.2)
        edges = np.diff(np.r_[0, away[-1].astype(int), 0])
        begins, lasts = np.flatnonzero(edges == 1) / 25, (np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)) / 25
        assert 0.15 < len(begins) / len(phrasing.starts) < 0.65
        assert lasts.max() < 1.5
        assert all(np.abs(phrasing.starts - begin).min() < 0.5 for begin in begins)
        assert np.abs(side).max() < 9
    assert np.mean(away) < 0.15


def test_brows_rise_on_accents_and_the_face_starts_neutral(phrasing):
    shapes = animate_expression(phrasing, TIMES, rng(), amount=1.0)
    at = np.round(phrasing.accents * 25).astype(int)
    brows = shapes["browInnerUp"]
    assert brows[at].mean() > 1.5 * brows.mean()
    assert all(curve[0] == 0 for curve in shapes.values())
    assert all(curve.min() >= 0 and curve.max() < 0.8 for curve in shapes.values())
    doubled = animate_expression(phrasing, TIMES, rng(), amount=2.0)
    np.testing.assert_allclose(doubled["browInnerUp"], 2 * brows, rtol=1e-4, atol=1e-6)


def test_breath_is_drawn_before_phrases_about_15_times_a_minute(phrasing):
    breath = animate_breath(phrasing, TIMES, rng())
    assert breath.min() >= 0
    assert breath.max() <= 1
    assert 11 < len(onsets(breath, 0.3)) / MINUTES < 20
    assert np.abs(np.diff(breath)).max() < 0.25
    rises = [breath[round(s * 25)] - breath[max(0, round((s - 0.5) * 25))] for s in phrasing.starts[1:]]
    assert np.mean(rises) > 0.25


def test_breath_goes_on_in_silence():
    silent = find_phrasing(made_features(60.0, phrases=[]))
    breath = animate_breath(silent, np.arange(60 * 25) / 25, rng())
    assert 11 <= len(onsets(breath, 0.3)) <= 20
