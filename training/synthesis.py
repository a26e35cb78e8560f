"""Speaks the training material: python -m training.synthesis --out FOLDER [--hours ...] [--seed N] [--jobs N].

Every corpus is made by a short process of its own with its own seed: eSpeak NG crashes with some of its variants, and a
crash then costs no more than 0.4 h. Making a corpus again with the same seed and the same Debian packages gives the same
corpus; one that exists is kept.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from babel import UnknownLocaleError
from numpy.typing import NDArray

from spark_avatar.speech.mel import SAMPLE_RATE
from training import voices
from training.corpus import Recording, Segment, as_recording, save_corpus
from training.espeak import Espeak, Manner
from training.symbol_tables import ENGLISH
from training.texts import PinyinMaker, SentenceMaker, maker_for

_ESPEAK_CHUNK_HOURS: Final = 0.4
_FESTIVAL_BATCH: Final = 40
_FESTIVAL_HEAD: Final = """
(define (write_segments utt name)
  (let ((fd (fopen name "w")))
    (mapcar (lambda (s) (format fd "%f %s\\n" (item.feat s "end") (item.name s))) (utt.relation.items utt 'Segment))
    (fclose fd)))
(define (speak text base stretch)
  (unwind-protect
   (begin
    (Parameter.set 'Duration_Stretch stretch)
    (let ((utt (utt.synth (eval (list 'Utterance 'Text text)))))
     (utt.save.wave utt (string-append base ".wav") 'riff)
     (write_segments utt (string-append base ".lab"))))
   (format t "left out %s\\n" base)))
"""


def speak_espeak(hours: float, seed: int, *, held_out: bool) -> list[Recording]:
    """ESpeak NG in all its languages and most of its variants."""
    choose = random.Random(seed)  # noqa: S311
    espeak = Espeak()
    makers = _espeak_makers(espeak, choose, held_out=held_out)
    favoured = [language for language in voices.ESPEAK_FAVOURED if language in makers]
    languages = [*makers, *favoured]
    variants = _espeak_variants()
    recordings: list[Recording] = []
    while _hours(recordings) < hours:
        language = choose.choice(languages)
        voice = language + (f"+{choose.choice(variants)}" if choose.random() < 0.85 else "")
        manner = Manner(int(choose.triangular(110, 280, 170)), choose.randint(15, 85), choose.randint(20, 90))
        samples, segments = espeak.speak(makers[language].sentence(), voice, manner)
        if not 1 <= len(samples) / espeak.rate <= 15:
            continue
        recording = as_recording(samples, espeak.rate, segments, f"espeak/{voice}")
        if len(recording.segments) >= 5:
            recordings.append(recording)
    return recordings


def _espeak_variants() -> list[str]:
    printed = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    data = Path(printed.split("Data at:")[1].strip())
    return sorted(path.name for path in (data / "voices" / "!v").iterdir() if not path.name.startswith(voices.ESPEAK_LEFT_OUT))


def _espeak_makers(espeak: Espeak, choose: random.Random, *, held_out: bool) -> dict[str, SentenceMaker | PinyinMaker]:
    listing = subprocess.run(["espeak-ng", "--voices"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    makers: dict[str, SentenceMaker | PinyinMaker] = {}
    for language in sorted({line.split()[1] for line in listing.splitlines()[1:] if line.strip()}):
        base = language.split("-")[0]
        if base in voices.ESPEAK_UNREADABLE or (base in voices.HELD_OUT_LANGUAGES) is not held_out:
            continue
        try:
            makers[language] = maker_for(base, choose)
            espeak.speak("a", language, Manner())
        except (UnknownLocaleError, ValueError):
            makers.pop(language, None)
    if not held_out:
        makers[voices.MANDARIN] = PinyinMaker(choose)
    return makers


def speak_flite(voice: str, hours: float, seed: int) -> list[Recording]:
    """One English voice of Flite."""
    choose = random.Random(seed)  # noqa: S311
    maker = maker_for("en", choose)
    recordings: list[Recording] = []
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        while _hours(recordings) < hours:
            text = " ".join(maker.sentence() for _ in range(2))[:260]
            command = ["flite", "-voice", voice, "-t", text, "-psdur", "-o", str(wav)]
            command += ["--setf", f"duration_stretch={choose.uniform(0.8, 1.3):.2f}"]
            if choose.random() < 0.5:
                command += ["--setf", f"int_f0_target_mean={choose.uniform(90, 230):.0f}"]
            printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout  # noqa: S603  # noqa: S603
            samples, rate = _read(wav)
            segments: list[Segment] = []
            for item in printed.split():
                symbol, end = item.rsplit(":", 1)
                segments.append((segments[-1][1] if segments else 0.0, float(end), ENGLISH.get(symbol, "ə")))
            recordings.append(as_recording(samples, rate, segments, f"flite/{voice}"))
    return recordings


def speak_festival(voice: voices.FestivalVoice, hours: float, seed: int) -> list[Recording]:
    """One voice of Festival."""
    choose = random.Random(seed)  # noqa: S311
    maker = maker_for(voice.locale, choose)
    recordings: list[Recording] = []
    while _hours(recordings) < hours:
        with tempfile.TemporaryDirectory() as folder:
            script = (_FESTIVAL_HEAD + f"(voice_{voice.name})\n").encode()
            for index in range(_FESTIVAL_BATCH):
                text = re.sub(r'["\\;\n\u200c\u200d]', " ", maker.sentence()).encode(voice.encoding, "ignore")
                script += b'(speak "' + text + f'" "{folder}/{index:02d}" {choose.uniform(0.8, 1.3):.2f})\n'.encode()
            batch = Path(folder) / "batch.scm"
            batch.write_bytes(script)
            subprocess.run(["festival", "-b", str(batch)], capture_output=True, timeout=600, check=False)  # noqa: S603, S607
            recordings += [_festival_recording(path, voice) for path in sorted(Path(folder).glob("*.lab"))]
    return [recording for recording in recordings if len(recording.samples) > SAMPLE_RATE]


def _festival_recording(labels: Path, voice: voices.FestivalVoice) -> Recording:
    samples, rate = _read(labels.with_suffix(".wav"))
    segments: list[Segment] = []
    for line in labels.read_text(encoding=voice.encoding).splitlines():
        end, symbol = line.split()[:2]
        segments.append((segments[-1][1] if segments else 0.0, float(end), voice.symbols.get(symbol, "ə")))
    return as_recording(samples, rate, segments, f"festival/{voice.name}")


def _read(path: Path) -> tuple[NDArray[np.int16], int]:
    samples, rate = soundfile.read(path, dtype="int16")
    return samples, int(rate)


def _hours(recordings: list[Recording]) -> float:
    return sum(len(recording.samples) for recording in recordings) / SAMPLE_RATE / 3600


def corpora(espeak_hours: float, festival_hours: float, flite_hours: float, held_out_hours: float, seed: int) -> list[list[str]]:
    """Arguments of the process that makes each corpus: its name, kind of synthesiser, voice, hours, seed.

    eSpeak NG comes first: it is the fastest and brings the languages.
    """
    known = [voice.name for voice in voices.FESTIVAL_VOICES]
    festival = [name for name in known if name not in voices.HELD_OUT_FESTIVAL]
    each_festival, each_flite = festival_hours / len(festival), flite_hours / len(voices.FLITE_VOICES)
    jobs = [
        *([f"train_festival_{name}", "festival", name, f"{each_festival:.3f}"] for name in festival),
        *([f"train_flite_{name}", "flite", name, f"{each_flite:.3f}"] for name in voices.FLITE_VOICES),
        *(
            [f"train_espeak_{index:02d}", "espeak", "", f"{_ESPEAK_CHUNK_HOURS}"]
            for index in range(round(espeak_hours / _ESPEAK_CHUNK_HOURS))
        ),
        *([f"heldout_festival_{name}", "festival", name, f"{held_out_hours}"] for name in sorted(voices.HELD_OUT_FESTIVAL)),
        ["heldout_espeak", "espeak", "heldout", f"{held_out_hours}"],
    ]
    numbered = [[*job, str(1000 * seed + number)] for number, job in enumerate(jobs)]
    return sorted(numbered, key=lambda job: job[1])


def make_corpus(out: Path, name: str, kind: str, voice: str, hours: float, seed: int) -> float:
    """Makes one corpus in this process; returns its hours."""
    festival = {known.name: known for known in voices.FESTIVAL_VOICES}
    speakers: dict[str, Callable[[], list[Recording]]] = {
        "espeak": lambda: speak_espeak(hours, seed, held_out=voice == "heldout"),
        "flite": lambda: speak_flite(voice, hours, seed),
        "festival": lambda: speak_festival(festival[voice], hours, seed),
    }
    return save_corpus(speakers[kind](), out / name)


def main() -> None:
    """Makes all corpora, two attempts each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--espeak-hours", type=float, default=4.8)
    parser.add_argument("--festival-hours", type=float, default=12.0)
    parser.add_argument("--flite-hours", type=float, default=5.0)
    parser.add_argument("--held-out-hours", type=float, default=0.15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--one", nargs=5, metavar=("NAME", "KIND", "VOICE", "HOURS", "SEED"), help="make one corpus only")
    given = parser.parse_args()
    if given.one:
        name, kind, voice, hours, seed = given.one
        print(f"{name}: {make_corpus(given.out, name, kind, voice, float(hours), int(seed)):.2f} h", flush=True)
        os._exit(0)  # eSpeak NG may crash while the interpreter takes the library down.

    def attempt(job: list[str]) -> None:
        for again in range(3):
            if (given.out / f"{job[0]}.json").exists():
                return
            seeded = [*job[:4], str(int(job[4]) + 500 * again)]
            command = [sys.executable, "-m", "training.synthesis", "--out", str(given.out), "--one", *seeded]
            if subprocess.run(command, check=False).returncode:  # noqa: S603
                print(f"{job[0]}: attempt {again + 1} failed", flush=True)

    jobs = corpora(given.espeak_hours, given.festival_hours, given.flite_hours, given.held_out_hours, given.seed)
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(attempt, jobs))


if __name__ == "__main__":
    main()
