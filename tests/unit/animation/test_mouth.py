from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from made_features import bump, made_features, talk, times_of

from spark_avatar.animation.blendshapes import BLENDSHAPES, JAW_OPEN_DROP, mouth_opening
from spark_avatar.animation.mouth import animate_mouth
from spark_avatar.animation.sampling import frame_times
from spark_avatar.speech.features import SpeechFeatures

RATES = [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50), Fraction(60)]


def mouth(features: SpeechFeatures, rate: Fraction = Fraction(25), amplitude: float = 1.0) -> dict[str, np.ndarray]:
    times = frame_times(int(np.ceil(features.seconds * rate)), rate)
    return animate_mouth(features, times, np.random.default_rng(1), amplitude=amplitude)


def opening(features: SpeechFeatures, rate: Fraction = Fraction(25), amplitude: float = 1.0) -> np.ndarray:
    shapes = mouth(features, rate, amplitude)
    frames = len(shapes["jawOpen"])
    return mouth_opening(np.stack([shapes.get(name, np.zeros(frames, np.float32)) for name in BLENDSHAPES], axis=1))


def test_silence_rests():
    features = made_features(6.0, phrases=[(1.0, 2.5)], open=np.full(300, 0.5), close=bump(6.0, 3.3, 0.03))
    gap = opening(features)
    resting = np.r_[gap[: round(0.35 * 25)], gap[round(3.7 * 25) :]]
    assert resting.max() < 0.005
    assert gap[30:60].min() > 0.05
    shapes = mouth(features)
    assert max(np.ptp(curve[round(3.7 * 25) :]) for curve in shapes.values()) < 0.02


def pauses(lengths: list[float]) -> tuple[SpeechFeatures, list[tuple[float, float]]]:
    """Phrases of two seconds with pauses of these lengths between them, and when the pauses are."""
    moment, phrases, between = 1.0, [], []
    for length in [*lengths, 0.0]:
        phrases.append((moment, moment + 2.0))
        between.append((moment + 2.0, moment + 2.0 + length))
        moment += 2.0 + length
    seconds = moment + 2.0
    n = int(np.ceil(seconds * 50))
    speech = {"open": np.full(n, 0.5), "close": sum(bump(seconds, end - 0.05, 0.03) for _, end in between)}
    return made_features(seconds, phrases=phrases, **speech), between[:-1]


def test_lips_stay_parted_between_phrases_as_filmed_speakers_do():
    features, between = pauses([0.7, 0.8, 0.9, 1.0, 0.75, 0.85] * 4)
    gap = opening(features)
    inside = [gap[round((start + 0.25) * 25) : round((end - 0.2) * 25)] for start, end in between]
    parted = np.concatenate(inside)
    # Eight filmed speakers: 0.030-0.076 E on average, moving 0.21 to 1.23 times as much as in speech.
    assert 0.030 < parted.mean() < 0.076
    assert parted.min() > 0.02
    assert parted.max() < 0.12
    assert np.ptp([part.mean() for part in inside]) > 0.005, "every pause the same"
    assert all(np.ptp(part) > 0.004 for part in inside), "frozen"
    assert all(np.abs(np.diff(part)).max() < 0.02 for part in inside), "twitches"


def test_lips_close_in_a_long_pause_and_part_again_for_breath():
    features, [(start, end)] = pauses([6.0])
    gap = opening(features)
    assert gap[round((start + 0.3) * 25) : round((start + 1.0) * 25)].min() > 0.015
    assert gap[round((start + 2.6) * 25) : round((end - 0.7) * 25)].max() < 0.005
    intake = gap[round((end - 0.6) * 25) : round((end - 0.15) * 25)]
    assert 0.01 < intake.max() < 0.05
    before_speech = gap[: round(0.9 * 25)]
    assert before_speech[0] == 0
    assert before_speech.max() > 0.01


def test_louder_articulation_opens_further_and_stays_in_the_range_of_filmed_speech():
    narrow, wide = (opening(made_features(2.0, open=np.full(100, v)))[25] for v in (0.4, 0.8))
    assert 0.02 < narrow < wide < 0.25


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("height", [0.4, 1.0])
def test_every_closure_shuts_the_lips_in_some_frame_at_any_rate(rate, height):
    for phase in np.linspace(0, 1 / 24, 7):
        centre = 1.0 + phase
        gap = opening(made_features(2.0, open=np.full(100, 0.8), close=bump(2.0, centre, 0.02, height)), rate)
        times = np.arange(len(gap)) / rate
        near = np.abs(times.astype(float) - centre) < 0.06
        assert gap[near].min() < 0.01
        far = (np.abs(times.astype(float) - centre) > 0.2) & (times.astype(float) < 1.8)
        assert gap[far].min() > 0.08


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_the_lower_lip_meets_the_teeth_in_some_frame_at_any_rate(rate):
    for phase in np.linspace(0, 1 / 24, 7):
        shapes = mouth(made_features(2.0, open=np.full(100, 0.3), labiodental=bump(2.0, 1.0 + phase, 0.035)), rate)
        assert shapes["mouthRollLower"].max() > 0.4


def test_closures_in_quick_succession_open_between():
    close = bump(2.0, 1.0, 0.02) + bump(2.0, 1.24, 0.02)
    gap = opening(made_features(2.0, open=np.full(100, 0.8), close=close), Fraction(30))
    assert gap[28:32].min() < 0.01
    assert gap[35:40].min() < 0.01
    assert gap[32:36].max() > 0.05


def test_a_hint_of_closure_does_not_shut_the_lips():
    gap = opening(made_features(2.0, open=np.full(100, 0.8), close=bump(2.0, 1.0, 0.03, 0.12)))
    assert gap[20:30].min() > 0.05


def test_rounding_purses_and_spreading_stretches():
    half = (times_of(2.0) > 1.0).astype(float)
    shapes = mouth(made_features(2.0, open=np.full(100, 0.4), round=half, wide=0.9 * (1 - half)))
    purse = shapes["mouthPucker"] + shapes["mouthFunnel"]
    assert purse[40] > 0.8 > 0.1 > purse[10]
    assert shapes["mouthStretchLeft"][10] > 0.2 > 0.01 > shapes["mouthStretchLeft"][40]


def test_rounded_lips_leave_the_opening_to_the_jaw_and_spread_ones_to_the_upper_lip():
    half = np.full(100, 0.5)
    manners = [made_features(2.0, open=half, **more) for more in ({"round": half}, {}, {"wide": 2 * half})]
    rounded, plain, spread = (mouth(features) for features in manners)
    for name, more, less in (("jawOpen", rounded, plain), ("jawOpen", plain, spread), ("mouthUpperUpLeft", spread, plain)):
        assert more[name][25] > less[name][25] + 0.02
    for features in manners:
        np.testing.assert_allclose(opening(features), opening(manners[1]), atol=1e-6)


def test_lips_part_a_little_further_over_closed_teeth():
    half = np.full(100, 0.5)
    hissed, plain = (opening(made_features(2.0, open=half, teeth=teeth))[25] for teeth in (2 * half, 0 * half))
    assert plain + 0.005 < hissed < 1.35 * plain


def test_both_rows_of_teeth_show_where_they_are_together():
    half = np.full(100, 0.5)
    hissed, plain = (mouth(made_features(2.0, open=half, teeth=teeth)) for teeth in (2 * half, 0 * half))
    assert hissed["jawOpen"][25] < 0.6 * plain["jawOpen"][25]
    assert hissed["mouthLowerDownLeft"][25] > plain["mouthLowerDownLeft"][25] + 0.05


def test_a_mouth_that_is_wide_open_keeps_most_of_its_jaw():
    # A lower lip that went down alone would fold the chin.
    wide = np.full(100, 1.0)
    hissed, plain = (mouth(made_features(2.0, open=wide, teeth=teeth)) for teeth in (wide, 0 * wide))
    assert JAW_OPEN_DROP * (plain["jawOpen"][25] - hissed["jawOpen"][25]) < 0.065


def test_what_spreads_the_lips_raises_their_corners():
    half = np.full(100, 0.5)
    rounded, spread = (mouth(made_features(2.0, open=half, **more)) for more in ({"round": half}, {"wide": 2 * half}))
    assert rounded["mouthFrownLeft"][25] > 0.1
    assert spread["mouthSmileLeft"][25] > 0.1
    assert rounded["mouthSmileLeft"][25] == spread["mouthFrownLeft"][25] == 0


def test_the_lower_lip_rolls_to_the_teeth():
    shapes = mouth(made_features(2.0, open=np.full(100, 0.3), labiodental=bump(2.0, 1.0, 0.05)))
    assert shapes["mouthRollLower"][24:27].max() > 0.4
    assert shapes["mouthRollLower"][10] < 0.01


def test_the_mouth_leads_the_sound_a_little():
    features = made_features(3.0, open=bump(3.0, 1.5, 0.1, 0.8))
    gap = opening(features, Fraction(60))
    assert 0.0 <= 1.5 - gap.argmax() / 60 <= 0.08


def test_the_same_speech_looks_alike_at_all_rates():
    features = talk(6.0)
    slow, fast = opening(features, Fraction(30)), opening(features, Fraction(60))
    assert np.corrcoef(slow, fast[::2][: len(slow)])[0, 1] > 0.97


def test_volume_alone_changes_nothing():
    quiet = talk(6.0)
    loud = replace(quiet, loudness=quiet.loudness + 12)
    np.testing.assert_allclose(opening(loud), opening(quiet), atol=1e-5)


def test_amplitude_scales_the_opening():
    features = talk(6.0)
    calm, lively = opening(features, amplitude=0.85), opening(features, amplitude=1.15)
    assert 1.2 < lively.sum() / calm.sum() < 1.5
