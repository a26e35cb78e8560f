from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from made_features import made_features, talk

from spark_avatar.animation.animator import animate
from spark_avatar.animation.emotion import MANNERS, blend_of
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.speech.features import FEATURE_RATE, SpeechFeatures

SHOWN_BY = {
    "happy": "mouthSmileLeft",
    "sad": "mouthFrownLeft",
    "angry": "browDownLeft",
    "surprised": "browOuterUpLeft",
    "calm": "mouthSmileLeft",
}


def animated(features: SpeechFeatures, emotion: str, **options: float) -> AnimationTrack:
    return animate(features, frame_rate=Fraction(25), rng=np.random.default_rng(1), emotion=emotion, **options)


def voice(semitones: float, decibels: float) -> SpeechFeatures:
    """Ten seconds whose melody and loudness swing so far."""
    features = talk(10.0)
    time = np.arange(len(features.pitch)) / FEATURE_RATE
    pitch = 150 * 2 ** (semitones * np.sin(2 * np.pi * 0.7 * time) / 12)
    loudness = -20 + decibels * np.sin(2 * np.pi * 1.3 * time)
    return replace(
        features,
        pitch=np.where(features.activity, pitch, 0).astype(np.float32),
        loudness=np.where(features.activity, loudness, -80).astype(np.float32),
    )


@pytest.mark.parametrize(("emotion", "shape"), SHOWN_BY.items())
def test_each_emotion_shows_where_it_should(emotion, shape):
    features = talk(8.0)
    assert animated(features, emotion).curve(shape).mean() > animated(features, "neutral").curve(shape).mean() + 0.05


@pytest.mark.parametrize("emotion", MANNERS)
def test_an_emotion_sets_out_from_the_portrait_and_lives(emotion):
    track = animated(talk(8.0), emotion)
    assert np.abs(track.blendshapes[0]).max() < 1e-6
    assert np.abs(track.head_rotation[0]).max() < 1e-6
    assert np.isfinite(track.blendshapes).all()
    if emotion in SHOWN_BY:
        assert track.curve(SHOWN_BY[emotion])[60:].std() > 0.003


@pytest.mark.parametrize("emotion", MANNERS)
def test_closures_are_kept_under_every_emotion(emotion):
    features = made_features(4.0, open=np.full(200, 0.5), close=np.where((np.arange(200) // 10) % 4 == 0, 1.0, 0.0))
    neutral, shown = animated(features, "neutral"), animated(features, emotion)
    closed = neutral.mouth_open < 0.01
    assert closed.sum() > 5
    assert (shown.mouth_open[closed] < 0.02).all()


def means(track: AnimationTrack) -> np.ndarray:
    """Mean face of the second half, (52,)."""
    return track.blendshapes[len(track) // 2 :].mean(axis=0)


def test_emotions_are_told_apart_and_none_is_a_grimace():
    features = talk(8.0)
    neutral = means(animated(features, "neutral"))
    offsets = {emotion: means(animated(features, emotion)) - neutral for emotion in SHOWN_BY}
    shown = [curve for name, curve in offsets.items() if name != "calm"]
    assert all(np.abs(offset).max() > 0.25 for offset in shown), "hardly visible"
    assert all(np.abs(offset).max() < 0.95 for offset in shown), "clownish"
    for i, one in enumerate(shown):
        for other in shown[i + 1 :]:
            cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            assert cosine < 0.8
    assert 0.05 < np.abs(offsets["calm"]).max() < 0.25


@pytest.mark.parametrize("emotion", MANNERS)
def test_an_emotion_leaves_the_timing_of_the_mouth_alone(emotion):
    features = talk(8.0)
    neutral, shown = animated(features, "neutral").mouth_open, animated(features, emotion).mouth_open
    assert np.corrcoef(neutral, shown)[0, 1] > 0.95
    assert 0.8 < shown.std() / neutral.std() < 1.25


def test_expressiveness_takes_it_back():
    still = animated(talk(8.0), "happy", expressiveness=0.0)
    np.testing.assert_array_equal(still.curve("browOuterUpLeft"), 0)
    np.testing.assert_array_equal(still.curve("cheekSquintLeft"), 0)


def test_a_lively_voice_makes_a_livelier_face_than_a_flat_one():
    lively, flat = blend_of("auto", voice(9.0, 12.0)), blend_of("auto", voice(0.5, 2.0))
    assert lively["happy"] > 0.05
    assert flat["calm"] > 0.05
    assert "calm" not in lively
    assert "happy" not in flat


def test_without_a_voice_there_is_nothing_to_tell():
    silent = made_features(4.0, phrases=[])
    assert set(blend_of("auto", silent).values()) == {0.0}
