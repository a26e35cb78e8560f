from fractions import Fraction

import numpy as np
from made_features import talk

from spark_avatar.animation.animator import animate
from spark_avatar.animation.preview import WIDTHS, draw_recording
from spark_avatar.speech.visemes import Viseme


def drawn(seconds: float) -> np.ndarray:
    track = animate(talk(seconds), frame_rate=Fraction(25), rng=np.random.default_rng(0))
    samples = (0.3 * np.sin(np.arange(int(16000 * seconds)) * 0.1)).astype(np.float32)
    return draw_recording(samples, track, [Viseme("sil", 0.0, 0.5), Viseme("PP", 0.5, 0.6), Viseme("aa", 0.6, seconds)])


def test_the_picture_grows_with_the_recording_up_to_a_limit():
    short, longer = drawn(1.0), drawn(5.0)
    assert short.shape[1] < longer.shape[1] < WIDTHS[1] + 200
    assert short.dtype == np.uint8


def test_every_panel_shows_something():
    picture = drawn(3.0).astype(int)
    coloured = np.ptp(picture, axis=2) > 40
    assert coloured[10:95].any()  # waveform
    assert picture[110:260].min() < 20  # spectrogram
    assert coloured[320:].any()  # curves


def test_an_empty_recording_is_drawn_too():
    track = animate(talk(0.2), frame_rate=Fraction(25), rng=np.random.default_rng(0))
    assert draw_recording(np.zeros(0, np.float32), track, []).shape[2] == 3


def test_names_of_short_visemes_do_not_lie_on_each_other():
    track = animate(talk(2.0), frame_rate=Fraction(25), rng=np.random.default_rng(0))
    visemes = [Viseme(name, 0.5 + 0.03 * i, 0.53 + 0.03 * i) for i, name in enumerate(["DD", "aa", "SS", "CH", "nn"])]

    def ink(shown: list[Viseme]) -> np.ndarray:
        return (draw_recording(np.zeros(32000, np.float32), track, shown)[270:320, 60:].max(axis=2) < 150).astype(int)

    alone = sum(ink([viseme]) for viseme in visemes[:2])
    assert alone.max() == 2  # drawn by themselves all stand in the first line, where there is no room for two
    assert (ink(visemes) >= ink(visemes[:1])).all()
    together = ink(visemes)
    assert together[:22].any()
    assert together[22:].any()
    assert together.sum() <= sum(ink([viseme]).sum() for viseme in visemes)
