import numpy as np
import pytest
from scipy import signal
from synthetic_voice import RATE, hiss, murmur, noise, sentence, silence, vowel

from spark_avatar.errors import AudioSilent
from spark_avatar.media.audio import AudioFacts, read_samples
from spark_avatar.media.samples import sample_speech
from spark_avatar.speech.analyzer import analyze_samples
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE, SpeechFeatures


def analyzed(sound: np.ndarray, rate: int = RATE) -> SpeechFeatures:
    return analyze_samples(sound.astype(np.float32), AudioFacts("pcm_s16le", len(sound) / RATE, rate, 1, 2 * len(sound)))


def opened(features: SpeechFeatures) -> np.ndarray:
    return features.articulation[:, ARTICULATION.index("open")]


def warned(features: SpeechFeatures) -> set[str]:
    return {warning.code for warning in features.warnings}


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return np.concatenate([silence(1.0), sentence(1), silence(1.5), sentence(2), silence(1.0)])


def chords(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(3)
    time_ = np.arange(RATE // 2) / RATE
    parts = []
    for _ in range(int(seconds * 2) + 1):
        root = 220 * 2 ** (rng.integers(12) / 12)
        tones = [np.sin(2 * np.pi * root * m * h * time_) / h for m in (1, 1.26, 1.5) for h in range(1, 6)]
        parts.append(np.sum(tones, axis=0) * np.exp(-2 * time_))
    return np.concatenate(parts)[: round(seconds * RATE)]


def test_curves_share_the_length_and_hold_what_they_say(speech):
    features = analyzed(speech)
    frames = -(-len(speech) // (RATE // FEATURE_RATE))
    assert features.articulation.shape == (frames, len(ARTICULATION))
    assert len(features.loudness) == len(features.activity) == len(features.pitch) == frames
    assert np.isfinite(features.articulation).all()
    assert (features.articulation >= 0).all()
    assert (features.articulation <= 1).all()
    assert features.seconds == len(speech) / RATE
    assert warned(features) == set()


def test_activity_is_where_the_voice_is(speech):
    features = analyzed(speech)
    voice = np.repeat([False, True, False, True, False], [RATE, len(sentence(1)), 3 * RATE // 2, len(sentence(2)), RATE])
    truth = voice[::320][: len(features.activity)]
    assert (features.activity == truth).mean() > 0.95
    assert features.diagnostics.speech_seconds == pytest.approx(voice.sum() / RATE, abs=0.3)


@pytest.mark.parametrize("background", ["noise", "music"])
def test_the_mouth_rests_in_pauses_over_noise_and_music(speech, background):
    behind = noise(len(speech) / RATE, -33) if background == "noise" else 0.02 * chords(len(speech) / RATE)
    features = analyzed(speech + behind)
    pause = slice(round((1.3 + len(sentence(1)) / RATE) * 50), round((2.2 + len(sentence(1)) / RATE) * 50))
    assert not features.activity[:40].any()
    assert not features.activity[pause].any()
    assert opened(features)[pause].max() < 0.25
    assert features.activity[60:150].mean() > 0.9


@pytest.mark.parametrize("hertz", [0, 12, 50, 60], ids=["offset", "rumble", "50 Hz", "60 Hz"])
def test_what_lies_under_the_voice_changes_nothing(speech, hertz):
    heard = 0.5 * speech + noise(len(speech) / RATE, -75)
    below = 0.3 * np.cos(2 * np.pi * hertz * np.arange(len(speech)) / RATE)
    clean, spoilt = analyzed(heard), analyzed(heard + below)
    assert (clean.activity == spoilt.activity).mean() > 0.98
    assert np.abs(clean.articulation - spoilt.articulation).mean() < 0.02
    assert spoilt.diagnostics.loudness_db == pytest.approx(clean.diagnostics.loudness_db, abs=0.5)
    assert warned(spoilt) == set()


@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_a_beep_before_quiet_speech_is_not_what_it_is_measured_by(speech, seconds):
    quiet = 0.02 * speech
    beep = 0.7 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE)
    alone, behind = analyzed(quiet), analyzed(np.concatenate([beep, quiet]))
    later = round(seconds * FEATURE_RATE)
    assert (alone.activity == behind.activity[later:]).mean() > 0.95
    assert np.corrcoef(opened(alone), opened(behind)[later:])[0, 1] > 0.9
    assert behind.diagnostics.loudness_db == pytest.approx(alone.diagnostics.loudness_db, abs=2)
    assert "audio_quiet" in warned(behind)


@pytest.mark.parametrize("under", [18, 22, 26])
def test_a_second_speaker_who_is_far_away_is_heard(under):
    near = read_samples(sample_speech(), rate=RATE)
    both = analyzed(np.concatenate([near, near * 10 ** (-under / 20)]))
    frames = len(near) // 320
    first, second = slice(0, frames), slice(frames, 2 * frames)
    assert (both.activity[first] == both.activity[second]).mean() > 0.95
    assert np.corrcoef(opened(both)[first], opened(both)[second])[0, 1] > 0.95


@pytest.mark.parametrize("level", [-35, -50])
@pytest.mark.parametrize("kind", ["noise", "gusts", "music"])
def test_noise_in_a_long_pause_is_not_pulled_up_into_speech(kind, level):
    near = read_samples(sample_speech(), rate=RATE)
    gusts = noise(8.0, 0) * (np.sin(np.arange(8 * RATE) / RATE * 4) > 0)
    behind = {"noise": noise(8.0, 0), "gusts": gusts, "music": chords(8.0)}[kind]
    behind *= 10 ** (level / 20) / np.sqrt(np.mean(behind**2))
    features = analyzed(np.concatenate([near, behind, near]))
    first = len(near) // 320
    assert not features.activity[first + 15 : first + 385].any()


@pytest.mark.parametrize("gain", [0.25, 4.0])
def test_volume_changes_little(speech, gain):
    quiet = 0.2 * speech
    before, after = analyzed(quiet), analyzed(gain * quiet)
    assert np.abs(before.articulation - after.articulation).max() < 0.05
    assert (before.activity == after.activity).mean() > 0.99
    difference = after.diagnostics.loudness_db - before.diagnostics.loudness_db
    assert difference == pytest.approx(20 * np.log10(gain), abs=0.1)


def test_a_longer_recording_holds_its_parts(speech):
    one, two = sentence(7), sentence(8)
    joined = opened(analyzed(np.concatenate([one, silence(1.0), two])))
    first, second = opened(analyzed(np.concatenate([one, silence(1.0)]))), opened(analyzed(two))
    apart = round(0.7 * 50)
    assert np.abs(joined[: len(one) // 320] - first[: len(one) // 320]).mean() < 0.035
    assert np.corrcoef(joined[-len(second) + apart :], second[apart:])[0, 1] > 0.98


@pytest.mark.parametrize(
    "sound",
    [
        silence(2.0),
        noise(2.0, -90),
        noise(3.0, -20),
        np.cumsum(noise(3.0, -50)) - np.cumsum(noise(3.0, -50)).mean(),
        noise(4.0, -20) * (np.arange(4 * RATE) % RATE < 6000),
        np.zeros(0, np.float32),
    ],
    ids=["zeros", "hardly anything", "white noise", "brown noise", "bursts of noise", "empty"],
)
def test_nothing_to_say_is_refused(sound):
    with pytest.raises(AudioSilent) as caught:
        analyzed(sound)
    assert caught.value.code == "003016023"
    assert caught.value.facts


def test_a_tone_is_animated_at_rest_with_a_warning():
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)
    features = analyzed(tone)
    assert not features.activity.any()
    assert "audio_no_speech" in warned(features)


def test_warnings_carry_what_was_measured(speech):
    long = np.tile(speech, 3)
    assert "audio_long" in warned(analyzed(long))
    assert "audio_quiet" in warned(analyzed(0.02 * speech))
    assert "audio_low_rate" in warned(analyzed(speech, rate=8000))
    assert "audio_noisy" in warned(analyzed(speech + noise(len(speech) / RATE, -27)))
    clipped = analyzed(np.clip(12 * speech, -1, 1))
    assert "audio_clipping" in warned(clipped)
    assert clipped.diagnostics.clipped_share > 0.01
    message = next(w.message for w in analyzed(long).warnings if w.code == "audio_long")
    assert f"{len(long) / RATE:.1f} s" in message


@pytest.mark.parametrize(("missing", "told"), [(0.0, False), (0.4, False), (0.7, True), (30.0, True)])
def test_a_file_that_ends_before_its_header_says(missing, told):
    sound = sentence(1)
    facts = AudioFacts("flac", len(sound) / RATE, RATE, 1, len(sound), missing_seconds=missing)
    warnings = {warning.code: warning.message for warning in analyze_samples(sound, facts).warnings}
    assert ("audio_cut_short" in warnings) == told
    if told:
        assert f"{missing:.1f} s are missing" in warnings["audio_cut_short"]


def test_a_length_that_is_a_little_off_is_no_cut():
    sound = np.tile(sentence(1), 10)
    facts = AudioFacts("mp3", len(sound) / RATE, RATE, 1, len(sound), missing_seconds=0.08 * len(sound) / RATE)
    assert facts.missing_seconds > 1.5
    assert "audio_cut_short" not in warned(analyze_samples(sound, facts))


def test_an_open_vowel_opens_a_rounded_one_rounds_and_a_nasal_closes():
    syllable = [hiss(0.1), vowel("a", 0.2), murmur(0.12), vowel("u", 0.2)]
    sound = np.concatenate([silence(0.5), *syllable * 5, silence(0.5)])
    channels = dict(zip(ARTICULATION, analyzed(sound).articulation.T, strict=True))

    def at(name: str, offset: float) -> float:
        return float(np.mean([channels[name][round((0.5 + 0.62 * k + offset) * 50)] for k in range(5)]))

    a, m, u = 0.2, 0.36, 0.52
    assert at("open", a) > 0.5
    assert at("open", u) < 0.25
    assert at("round", u) > 0.2 > 0.15 > at("round", a)
    assert at("wide", u) < at("wide", a) - 0.15
    assert at("close", m) > 0.3 > 0.1 > at("close", a)
    assert channels["open"][:15].max() < 0.25


def test_a_single_word_and_a_telephone_voice_still_open_the_mouth():
    word = np.concatenate([silence(0.2), hiss(), vowel("a", 0.3), vowel("i", 0.15), silence(0.2)])
    assert opened(analyzed(word)).max() > 0.5
    telephone = signal.sosfilt(signal.butter(4, (300, 3400), "band", fs=RATE, output="sos"), sentence(3))
    assert np.percentile(opened(analyzed(telephone)), 95) > 0.5
