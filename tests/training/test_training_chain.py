import random

import numpy as np
import pytest
from scipy import signal

from spark_avatar.media.audio import AudioFacts
from spark_avatar.speech.activity import audible_neighbourhood
from spark_avatar.speech.analyzer import analyze_samples
from spark_avatar.speech.articulation import articulation_network, normalise
from spark_avatar.speech.features import ARTICULATION
from spark_avatar.speech.levels import measure_levels, short_time_level
from training import scores
from training.corpus import Recording, development_part, load_corpus, reported_part, save_corpus, single_sounds
from training.features import build, levelled_log_mel
from training.phones import BILABIAL_STOPS, CLASSES, PHONES, read_ipa
from training.targets import closing_moments, gap_of, targets
from training.texts import PinyinMaker, SentenceMaker, english_prose

RATE = 16_000
FORMANTS = {"a": (730, 1250), "i": (280, 2250), "u": (310, 750)}


def channel(name: str) -> int:
    return ARTICULATION.index(name)


def spoken(seed: int, syllables: int) -> Recording:
    """Vowels with an m or an s before each: buzzes through two formants, murmurs and hisses of known times."""
    rng = np.random.default_rng(seed)
    parts, segments, at = [], [], 0.0
    for _ in range(syllables):
        for sound, seconds in (("ms"[rng.integers(2)], 0.09), ("aiu"[rng.integers(3)], rng.uniform(0.12, 0.25))):
            n = int(seconds * RATE)
            buzz = np.diff(np.floor(np.arange(n) * 120 / RATE), prepend=0.0)
            if sound == "s":
                wave = signal.sosfilt(signal.butter(4, 4000, "high", fs=RATE, output="sos"), rng.standard_normal(n)) * 0.02
            else:
                wave = buzz * 0.3
                for frequency in FORMANTS.get(sound, (250,)):
                    radius = np.exp(-np.pi * 90 / RATE)
                    wave = signal.lfilter([0.15], [1, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2], wave)
            parts.append(wave)
            segments.append((at, at + n / RATE, sound))
            at += n / RATE
    samples = np.concatenate(parts)
    return Recording((samples / np.abs(samples).max() * 16_000).astype(np.int16), segments, "rule")


def test_sentences_depend_on_the_seed_alone():
    words = ["Mallorca", "Bulgaria", "zulu", "Papua", "Finland", "metre"]

    def sentences(seed: int) -> list[str]:
        maker = SentenceMaker(words, [], random.Random(seed))
        return [maker.sentence() for _ in range(20)]

    assert sentences(1) == sentences(1)
    assert sentences(1) != sentences(2)
    assert PinyinMaker(random.Random(3)).sentence() == PinyinMaker(random.Random(3)).sentence()


def test_a_share_of_the_sentences_is_rich_in_lip_consonants():
    words = ["papa", "mambo", "viva", "tiki", "lido", "saxo", "kilo"]
    maker = SentenceMaker(words, [], random.Random(0))
    lips = [
        set(sentence.strip(".?!").replace(",", "").split()) <= {"papa", "mambo", "viva"}
        for sentence in map(str.lower, (maker.sentence() for _ in range(400)))
    ]
    assert 0.1 < np.mean(lips) < 0.4


def test_names_come_from_cldr():
    pytest.importorskip("babel", reason="the texts are made with Babel, which only the training needs")
    from training.texts import maker_for

    assert maker_for("cs", random.Random(1)).sentence() == maker_for("cs", random.Random(1)).sentence()
    assert maker_for("cs", random.Random(1)).sentence() != maker_for("sv", random.Random(1)).sentence()


def test_prose_is_plain_english():
    prose = english_prose()
    assert len(prose) > 500
    assert all(20 < len(sentence) < 160 for sentence in prose)


@pytest.mark.parametrize(
    ("text", "sounds"),
    [("tʃ", ["ʃ"]), ("aɪ", ["a", "ɪ"]), ("tʰ", ["t"]), ("iː", ["i"]), ("ʔa", ["a"]), ("", ["_"]), ("˥", []), ("ˈɛ̃", ["ɛ"])],
)
def test_ipa_symbols_are_read(text, sounds):
    assert read_ipa(text) == sounds


def test_every_sound_has_one_class():
    assert {symbol for symbols in CLASSES for symbol in symbols} == set(PHONES)
    assert sum(len(symbols) for symbols in CLASSES) == len(PHONES)


def test_unknown_symbols_go_to_the_sound_before_and_pauses_join():
    assert single_sounds([(0.0, 0.1, "_"), (0.1, 0.2, ""), (0.2, 0.4, "m"), (0.4, 0.5, "˥")]) == [
        (0.0, 0.2, "_"),
        (0.2, 0.5, "m"),
    ]


@pytest.mark.parametrize("stop", "pbm")
def test_lips_meet_in_bilabials_and_nowhere_else(stop):
    segments = [(0.0, 0.3, "a"), (0.3, 0.4, stop), (0.4, 0.7, "a")]
    made = targets(segments, 70)
    close, gap = made.channels[:, channel("close")], gap_of(made.channels)
    assert 32 <= int(np.argmax(close)) <= 38
    assert close.max() > 0.8
    assert gap[35] < 0.05
    assert gap[15] > 0.6
    assert close[:22].max() < 0.05
    assert closing_moments(segments, BILABIAL_STOPS) == [(0.3, 0.4)]


def test_rounding_the_teeth_and_the_tongue_narrow_the_gap():
    def middle(sound: str) -> np.ndarray:
        return targets([(0.0, 0.5, sound)], 50).channels[25]

    opened = channel("open")
    assert middle("ɔ")[opened] < middle("ə")[opened] - 0.2  # about the same jaw
    assert middle("u")[opened] < middle("i")[opened] - 0.2
    assert middle("f")[opened] < middle("s")[opened]
    assert middle("u")[channel("round")] > 0.9
    assert middle("u")[opened] > 0  # rounded lips do not meet


def test_rounding_begins_before_the_rounded_vowel():
    made = targets([(0.0, 0.3, "i"), (0.3, 0.4, "k"), (0.4, 0.7, "u")], 70)
    rounded = made.channels[:, channel("round")]
    assert rounded[36] > 0.4
    assert rounded[10] < 0.1


def test_corpora_survive_saving(tmp_path):
    recordings = [spoken(seed, 3) for seed in range(2)]
    save_corpus(recordings, tmp_path / "train_rule_x")
    for saved, loaded in zip(recordings, load_corpus(tmp_path / "train_rule_x"), strict=True):
        np.testing.assert_array_equal(saved.samples, loaded.samples)
        assert [symbol for *_, symbol in saved.segments] == [symbol for *_, symbol in loaded.segments]


def test_features_are_those_of_the_analysis():
    samples = spoken(1, 10).samples.astype(np.float32) / 32768
    samples = samples[: len(samples) // 320 * 320]
    loudness = short_time_level(samples, len(samples) // 320)
    heard = np.repeat(audible_neighbourhood(loudness, measure_levels(loudness)), 2)
    ours = articulation_network().run(normalise(levelled_log_mel(samples), heard)).channels
    analysed = analyze_samples(samples, AudioFacts("pcm_s16le", len(samples) / RATE, RATE, 1, 0)).articulation
    np.testing.assert_allclose(ours, analysed, atol=1e-5)


def test_the_same_seed_varies_a_corpus_alike(tmp_path):
    save_corpus([spoken(seed, 4) for seed in range(3)], tmp_path / "train_rule_x")
    first, again, other = (build(tmp_path / "train_rule_x", version) for version in (1, 1, 2))
    np.testing.assert_array_equal(first.mel, again.mel)
    assert first.mel.shape != other.mel.shape or np.abs(first.mel - other.mel).max() > 0.1
    assert len(first.mel) == len(first.channels) == len(first.classes)


def test_scores_find_lag_and_closures():
    rng = np.random.default_rng(0)
    real = np.clip(np.convolve(rng.standard_normal(300), np.ones(5) / 5, "same") * 0.2 + 0.06, 0, None)
    found = scores.best_agreement(np.roll(real, 3), real)
    assert found.lag == 3
    assert found.r > 0.99
    events = scores.closures(real)
    assert len(events) > 5
    perfect = scores.closure_score(events, events, len(real))
    assert perfect.f1 == 1
    assert perfect.chance < 0.9


def test_the_loss_falls_and_the_export_equals_pytorch(tmp_path):
    pytest.importorskip("torch", reason="the training needs PyTorch, which the program does not")
    pytest.importorskip("onnx", reason="the export needs onnx, which the program does not")
    from training.batches import Batches
    from training.export import export
    from training.train import fit

    save_corpus([spoken(seed, 12) for seed in range(4)], tmp_path / "train_festival_rule")
    features = build(tmp_path / "train_festival_rule", 1)
    losses: list[float] = []
    batches = Batches([features], [1.0], crops=4, frames=200, seed=0)
    network = fit(
        batches, steps=50, seed=0, report=lambda _, loss: losses.append(float(loss.total.detach())), keep=lambda _: None
    )
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    assert export(network, tmp_path / "small.onnx") < 1e-4


def test_a_closure_out_of_place_costs_more_than_one_a_moment_off():
    torch = pytest.importorskip("torch", reason="the training needs PyTorch, which the program does not")
    from training.batches import Batch
    from training.losses import EMPHASIS, loss_of

    def cost(moved: int, height: float = 1.0) -> float:
        wanted, found = torch.zeros(1, 100, 7), torch.zeros(1, 100, 7)
        wanted[0, 50, channel("close")] = 1.0
        found[0, 50 + moved, channel("close")] = height
        batch = Batch(torch.zeros(1, 200, 80), wanted, torch.zeros(1, 100, dtype=torch.long))
        return float(loss_of(found, torch.zeros(1, 100, len(CLASSES)), batch, EMPHASIS).meeting)

    assert cost(0) == 0
    assert cost(2) < cost(20) / 3
    assert cost(2) < cost(0, height=0.0)  # better a closure near by than none


def test_variants_are_trained_alike_and_told_apart(tmp_path, capsys, monkeypatch):
    pytest.importorskip("torch", reason="the training needs PyTorch, which the program does not")
    pytest.importorskip("onnx", reason="the export needs onnx, which the program does not")
    from training import ablation

    for source in ("festival", "flite", "espeak"):
        save_corpus([spoken(seed, 12) for seed in range(2)], tmp_path / f"train_{source}_rule")
        build(tmp_path / f"train_{source}_rule", 1).save(tmp_path / f"train_{source}_rule_v1")
    save_corpus([spoken(seed, 6) for seed in range(7, 9)], tmp_path / "heldout_rule")
    command = ["ablation", "--features", str(tmp_path), "--heldout", str(tmp_path), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", [*command, "--steps", "2", "--seeds", "0", "1", "--only", "recipe", "without Flite"])
    ablation.main()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[:2] for row in rows] == [["recipe", "0"], ["recipe", "1"], ["without", "Flite"]]
    assert len({tuple(row[-4:]) for row in rows}) > 1
    assert len(list((tmp_path / "out").glob("*.onnx"))) == 3


def test_variants_choose_what_they_hear():
    pytest.importorskip("torch", reason="the training needs PyTorch, which the program does not")
    from training.ablation import VARIANTS

    files = ("train_espeak_00_v1", "train_espeak_00_v2", "train_festival_czech_ph_v2", "train_flite_awb_v1")
    heard = {name: [file for file in files if VARIANTS[name].hears(file)] for name in VARIANTS}
    assert heard["recipe"] == list(files)
    assert heard["one version"] == [files[0], files[3]]
    assert heard["eSpeak NG only"] == [files[0], files[1]]
    assert heard["without Flite"] == [*files[:3]]


def test_what_is_chosen_on_and_what_is_reported_share_no_recording():
    recordings = [spoken(seed, 1) for seed in range(5)]
    chosen_on, reported = development_part(recordings), reported_part(recordings)
    assert [*map(id, chosen_on), *map(id, reported)] == [id(recordings[i]) for i in (0, 2, 4, 1, 3)]


def test_a_committee_is_the_mean_of_its_members(tmp_path):
    torch = pytest.importorskip("torch", reason="the training needs PyTorch, which the program does not")
    pytest.importorskip("onnx", reason="the export needs onnx, which the program does not")
    from training.export import export
    from training.network import ArticulationNet, Committee, restored

    members = [ArticulationNet(channels).eval() for channels in (16, 24)]
    logmel = torch.randn(1, 50, 80)
    with torch.no_grad():
        both = Committee([restored(member.state_dict()) for member in members])(logmel)[0]
        apart = torch.stack([member(logmel)[0] for member in members]).mean(dim=0)
    torch.testing.assert_close(both, apart)
    assert export(Committee(members), tmp_path / "committee.onnx") < 1e-4


def trained_a_little(channels: int):
    """A network with normalisations that have seen something."""
    torch = pytest.importorskip("torch", reason="the training needs PyTorch, which the program does not")
    pytest.importorskip("onnx", reason="the export needs onnx, which the program does not")
    from training.network import ArticulationNet

    network = ArticulationNet(channels).train()
    for _ in range(3):
        network(torch.randn(4, 100, 80) * 2 + 1)
    return network.eval()


def test_exported_networks_can_join_a_committee(tmp_path):
    first, second = trained_a_little(16), trained_a_little(24)
    import torch

    from training.export import export, halve
    from training.network import Committee
    from training.resume import exported_members, saved_members

    exported = tmp_path / "two.onnx"
    export(Committee([first, second]), exported)
    whole = exported.stat().st_size
    logmel = torch.randn(1, 50, 80)

    def differences() -> list[float]:
        with torch.no_grad():
            pairs = zip((first, second), exported_members(exported), strict=True)
            return [float((after(logmel)[0] - before(logmel)[0]).abs().max()) for before, after in pairs]

    assert max(differences()) < 1e-4
    (picked,) = saved_members(f"{exported}:1")
    torch.testing.assert_close(picked(logmel), exported_members(exported)[1](logmel))
    halve(exported)
    assert exported.stat().st_size < 0.75 * whole
    assert max(differences()) < 1e-3
    assert [path.name for path in tmp_path.iterdir()] == ["two.onnx"]


def test_training_goes_on_with_an_exported_network_as_it_was(tmp_path):
    network = trained_a_little(16)
    import torch

    from training.export import export
    from training.network import Committee
    from training.resume import saved_network

    export(Committee([trained_a_little(16), network]), tmp_path / "two.onnx")
    crops = [torch.randn(8, 200, 80) * 2 + 1 for _ in range(4)]
    resumed = saved_network(f"{tmp_path / 'two.onnx'}:1", crops)
    logmel = torch.cat(crops)
    with torch.no_grad():
        expected = network(logmel)[0]
        torch.testing.assert_close(resumed(logmel)[0], expected, atol=1e-4, rtol=0)
        in_training = resumed.train()(logmel)[0]
    assert (in_training - expected).abs().max() < 0.05, "normalised twice"
