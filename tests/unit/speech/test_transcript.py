import numpy as np
import pytest

from spark_avatar.animation.closures import closure_of_lips
from spark_avatar.media.audio import probe_audio
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.samples import sample_speech
from spark_avatar.speech.alignment import align
from spark_avatar.speech.analyzer import analyze_speech
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE, SpeechFeatures
from spark_avatar.speech.orthography import Sound, sounds_of_text
from spark_avatar.speech.transcript import sharpened
from spark_avatar.speech.visemes import VISEMES

SAID = (
    "Hello! I am a photograph, and this is my voice. A computer made it, and it moves my lips, my brows and my face. "
    "Pleased to meet you!"
)
NOT_SAID = "Several yellow taxis queue outside the station, so nobody hurries to catch one while it is raining heavily today."


@pytest.fixture(scope="module")
def heard() -> SpeechFeatures:
    return analyze_speech(sample_speech(), probe_audio(sample_speech(), MediaLimits()))


def closures(features: SpeechFeatures) -> np.ndarray:
    return features.articulation[:, ARTICULATION.index("close")]


@pytest.mark.parametrize(
    ("text", "visemes"),
    [
        ("pamphlet", ["PP", "aa", "PP", "FF", "nn", "E", "DD"]),
        ("Voilà!", ["FF", "oh", "ih", "nn", "aa"]),
        ("мама", ["PP", "aa", "PP", "aa"]),
        ("φίλος", ["FF", "ih", "nn", "oh", "SS"]),
        ("city cat", ["SS", "ih", "DD", "ih", "kk", "aa", "DD"]),
        ("你好", []),
        ("At 3:15, 1,250.5 m²", ["aa", "DD", "number", "number", "PP"]),
        ("2026 年", ["number"]),
        ("", []),
    ],
)
def test_letters_tell_what_is_seen(text, visemes):
    assert [sound.viseme for sound in sounds_of_text(text)] == visemes


def test_alignment_finds_the_times_of_made_sounds():
    order = ["sil", "PP", "aa", "FF", "ih", "sil"]
    probabilities = np.full((60, len(VISEMES)), 0.01, np.float32)
    for place, name in enumerate(order):
        probabilities[10 * place : 10 * place + 10, VISEMES.index(name)] = 0.9
    activity = np.ones(60, bool)
    activity[:10] = activity[50:] = False
    found = align(probabilities, activity, [Sound("PP", starts_word=True), Sound("aa"), Sound("FF"), Sound("ih")])
    assert [sound.viseme for sound in found.sounds] == order[1:-1]
    for place, sound in enumerate(found.sounds, 1):
        assert sound.start == pytest.approx(10 * place / FEATURE_RATE, abs=0.021)


def test_a_silent_letter_is_left_out():
    probabilities = np.full((30, len(VISEMES)), 0.01, np.float32)
    for place, name in enumerate(("nn", "oh", "DD")):
        probabilities[10 * place : 10 * place + 10, VISEMES.index(name)] = 0.9
    found = align(probabilities, np.ones(30, bool), sounds_of_text("knot"))
    assert [sound.viseme for sound in found.sounds] == ["nn", "oh", "DD"]


def test_every_p_b_and_m_of_the_text_closes_the_lips_and_nothing_else_does(heard):
    told = sharpened(heard, SAID)
    alignment = align(heard.visemes, heard.activity, sounds_of_text(SAID))
    times = np.arange(len(heard.activity)) / FEATURE_RATE
    labials = [sound for sound in alignment.sounds if sound.viseme == "PP"]
    assert len(labials) >= 11
    for sound in labials:
        assert closures(told)[(times >= sound.start - 0.02) & (times <= sound.end + 0.02)].max() > 0.95
    far = np.all([np.maximum(s.start - times, times - s.end) > 0.1 for s in labials], axis=0)
    assert closures(told)[far].max() <= 0.3 * closures(heard)[far].max() + 1e-6


def test_a_number_in_figures_stands_for_whatever_is_said_there(heard):
    """As if `a photograph` and `a computer` were numbers: their own p, f and m stay as they were heard."""
    text = SAID.replace("a photograph", "1,234").replace("A computer", "5")
    told, whole = sharpened(heard, text), sharpened(heard, SAID)
    alignment = align(heard.visemes, heard.activity, sounds_of_text(text))
    numbers = [sound for sound in alignment.sounds if sound.viseme == "number"]
    times = np.arange(len(heard.activity)) / FEATURE_RATE
    inside = np.any([(times > number.start) & (times < number.end) for number in numbers], axis=0)
    assert len(numbers) == 2
    assert 0.4 < numbers[0].end - numbers[0].start < 1.2
    assert (closures(told)[inside] >= closures(heard)[inside]).all()
    away = np.all([np.maximum(n.start - times, times - n.end) > 0.3 for n in numbers], axis=0)
    assert np.abs(closures(told)[away] - closures(whole)[away]).mean() < 0.02


@pytest.mark.parametrize("text", ["1 2 3", NOT_SAID.replace("Several", "7").replace("one", "1")])
def test_figures_make_no_wrong_text_right(heard, text):
    assert sharpened(heard, text) is None


def test_words_that_nobody_says_are_refused(heard):
    assert sharpened(heard, NOT_SAID) is None
    assert sharpened(heard, "照片会说话") is None


def test_the_analysis_says_when_a_transcript_is_ignored():
    facts = probe_audio(sample_speech(), MediaLimits())
    ignored = analyze_speech(sample_speech(), facts, NOT_SAID)
    assert [warning.code for warning in ignored.warnings] == ["transcript_ignored"]
    assert analyze_speech(sample_speech(), facts, SAID).warnings == ()


def test_nothing_to_align():
    assert align(np.zeros((0, 15), np.float32), np.zeros(0, bool), [Sound("PP")]).sounds == ()


def test_a_transcript_makes_closures_sure_and_not_longer(heard):
    times = np.arange(len(heard.activity) // 2) / 25
    shut = [(closure_of_lips(closures(each), times) > 0.9).mean() for each in (heard, sharpened(heard, SAID))]
    assert 0.8 < shut[1] / shut[0] < 1.15
