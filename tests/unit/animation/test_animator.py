from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_features import made_features, talk

from spark_avatar.animation.animator import animate
from spark_avatar.animation.head import LIMITS
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.media.video import frame_count


def animated(features, rate=Fraction(25), seed=1, **options) -> AnimationTrack:
    return animate(features, frame_rate=rate, rng=np.random.default_rng(seed), **options)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("seconds", [0.2, 1.0, 3.37])
def test_as_many_frames_as_the_video_has(rate, seconds):
    assert len(animated(talk(seconds), rate)) == frame_count(seconds, rate)


def test_the_same_seed_gives_the_same_track_and_another_another():
    features = talk(8.0)
    one, same, other = animated(features), animated(features), animated(features, seed=2)
    np.testing.assert_array_equal(one.blendshapes, same.blendshapes)
    np.testing.assert_array_equal(one.head_rotation, same.head_rotation)
    np.testing.assert_array_equal(one.breath, same.breath)
    assert np.abs(one.head_rotation - other.head_rotation).max() > 1
    spoken = np.interp(np.arange(len(one)) * 2, np.arange(len(features.activity)), features.activity) == 1
    np.testing.assert_allclose(one.mouth_open[spoken], other.mouth_open[spoken], atol=0.02)
    assert np.abs(one.mouth_open - other.mouth_open)[~spoken].max() > 0.003


def test_options_of_one_motion_leave_the_others_alone():
    features = talk(8.0)
    usual, still, flat = animated(features), animated(features, head_motion=0.0), animated(features, expressiveness=0.0)
    np.testing.assert_array_equal(still.head_rotation, 0)
    for name in ("eyeBlinkLeft", "browInnerUp", "jawOpen"):
        np.testing.assert_array_equal(usual.curve(name), still.curve(name))
    np.testing.assert_array_equal(flat.curve("browInnerUp"), 0)
    assert flat.mouth_open.std() / usual.mouth_open.std() == pytest.approx(0.85, abs=0.03)
    np.testing.assert_array_equal(usual.curve("eyeBlinkLeft"), flat.curve("eyeBlinkLeft"))
    np.testing.assert_array_equal(usual.breath, flat.breath)


def test_motion_is_the_same_at_another_frame_rate():
    features = talk(8.0)
    slow, fast = animated(features, Fraction(30)), animated(features, Fraction(60))
    np.testing.assert_allclose(fast.head_rotation[::2], slow.head_rotation, atol=1e-3)
    np.testing.assert_allclose(fast.breath[::2], slow.breath, atol=1e-3)
    for name in ("eyeBlinkLeft", "browInnerUp", "eyeLookOutLeft", "mouthSmileLeft"):
        np.testing.assert_allclose(fast.curve(name)[::2], slow.curve(name), atol=0.02)


def test_the_first_frame_is_the_portrait():
    track = animated(made_features(4.0, phrases=[(1.0, 3.0)], open=np.full(200, 0.6)))
    assert np.abs(track.head_rotation[0]).max() < 1e-6
    assert np.abs(track.blendshapes[0]).max() < 1e-6
    assert track.breath[0] < 0.01


def test_ten_minutes_are_finite_within_range_and_quickly_made():
    features = talk(600.0)
    track = animated(features, expressiveness=2.0, head_motion=2.0)
    assert len(track) == 15000
    for values in (track.blendshapes, track.head_rotation, track.head_translation, track.breath):
        assert np.isfinite(values).all()
        assert values.dtype == np.float32
    assert track.blendshapes.min() >= 0
    assert track.blendshapes.max() <= 1
    assert np.abs(track.head_rotation).max() <= 10


def test_every_minute_of_ten_is_like_the_others_and_like_none_of_them():
    track = animated(talk(600.0))
    values = np.concatenate([track.blendshapes, track.head_rotation / 10, track.breath[:, None]], axis=1)
    moving = values[:, values.std(axis=0) > 0.005]
    assert moving.shape[1] > 25
    minutes = moving[: 10 * 1500].reshape(10, 1500, -1)
    spread = minutes.std(axis=(0, 1))
    assert (np.abs(minutes.mean(axis=1) - moving.mean(axis=0)) < 0.6 * spread).all(), "drifts"
    # Two seconds anywhere: the nearest other two seconds differ by much of what the face moves at all.
    windows = (moving / spread)[::5][: 3000 // 10 * 10].reshape(-1, 10 * moving.shape[1])
    squares = (windows**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * windows @ windows.T
    np.fill_diagonal(distances, np.inf)
    assert np.sqrt(distances.min() / windows.shape[1]) > 0.3, "looks like a loop"


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_expressiveness_and_head_motion_scale_what_they_name(amount):
    features = talk(20.0)
    usual = animated(features)
    expressive = animated(features, expressiveness=amount)
    moved = animated(features, head_motion=amount)
    brows = usual.curve("browInnerUp")
    np.testing.assert_allclose(expressive.curve("browInnerUp"), np.clip(amount * brows, 0, 1), atol=1e-5)
    wider = expressive.mouth_open.std() / usual.mouth_open.std()
    assert wider == pytest.approx(0.85 + 0.15 * amount, abs=0.03)
    turned = moved.head_rotation.std(axis=0) / usual.head_rotation.std(axis=0)
    assert (np.abs(turned - amount) < 0.05 + 0.4 * abs(amount - 1)).all()  # the limits level off
    for track in (expressive, moved):
        assert track.blendshapes.min() >= 0
        assert track.blendshapes.max() <= 1
        assert np.abs(track.head_rotation).max() <= 10


def test_silence_keeps_the_mouth_shut_but_the_person_alive():
    track = animated(made_features(20.0, phrases=[], open=np.full(1000, 0.4), close=np.full(1000, 0.6)))
    assert track.mouth_open.max() < 0.02
    assert track.curve("eyeBlinkLeft").max() > 0.9
    assert track.head_rotation.std() > 0.5
    assert np.ptp(track.breath) > 0.5


@settings(max_examples=30, deadline=None)
@given(
    seconds=st.floats(0.1, 5.0),
    seed=st.integers(0, 2**63 - 1),
    rate=st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)]),
    expressiveness=st.floats(0, 2),
    head_motion=st.floats(0, 2),
    emotion=st.sampled_from(["auto", "neutral", "happy", "sad", "angry", "surprised", "calm"]),
)
def test_whatever_is_asked_for_is_a_face(seconds, seed, rate, expressiveness, head_motion, emotion):
    options = {"expressiveness": expressiveness, "head_motion": head_motion, "emotion": emotion}
    features = talk(seconds)
    track, again = (animated(features, rate, seed, **options) for _ in range(2))
    assert len(track) == frame_count(features.seconds, rate)
    for one, two in zip(
        (track.blendshapes, track.head_rotation, track.head_translation, track.breath),
        (again.blendshapes, again.head_rotation, again.head_translation, again.breath),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
        assert np.isfinite(one).all()
    assert track.blendshapes.min() >= 0
    assert track.blendshapes.max() <= 1
    assert (np.abs(track.head_rotation) <= np.array(LIMITS) + 1e-4).all()
    assert np.abs(track.head_translation).max() <= 0.1 + 1e-6
    assert 0 <= track.breath.min() <= track.breath.max() <= 1
    assert np.abs(track.head_rotation[0]).max() < 1e-6
    if head_motion == 0:
        assert np.abs(track.head_rotation).max() == 0


def test_what_the_analysis_prints():
    content = animated(talk(2.0)).to_dict()
    assert {"frame_rate", "blendshapes", "mouth_open"} <= content.keys()
    assert len(content["blendshapes"]) == 52
    assert all(len(curve) == 50 for curve in content["blendshapes"].values())
    assert len(content["mouth_open"]) == 50
    assert max(content["mouth_open"]) > 0.03
