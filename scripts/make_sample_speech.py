"""Makes the sample recording: `python scripts/make_sample_speech.py` needs `flite` with its voice slt on the path."""

import json
import subprocess
import tempfile
from pathlib import Path

import av
import numpy as np
from av.filter.loudnorm import stats

TEXT = (
    "Hello! I am a photograph, and this is my voice. "
    "A computer made it, and it moves my lips, my brows and my face. "
    "Pleased to meet you!"
)
OUTPUT = Path(__file__).parent.parent / "src/spark_avatar/media/data/sample_speech.flac"
QUIET_SECONDS = 0.2
FADE_SECONDS = 0.1
"""Kept of the voice's own quiet before and after the speech, faded, so that nothing clicks."""
AUDIBLE = 0.01
"""Of full scale: where speech begins and ends."""
LOUDNESS = -20.0
"""LUFS, integrated (ITU-R BS.1770)."""
PEAK = 10 ** (-3 / 20)
"""Of full scale, -3 dB: a limit, even where it leaves the speech quieter."""


def spoken(path):
    """The samples that flite makes of the text (n,) in -1..1, and their rate."""
    subprocess.run(["flite", "-voice", "slt", "-t", TEXT, "-o", str(path)], check=True)
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]) / 32768, frames[0].sample_rate


def loudness(path):
    """Integrated loudness of a file in LUFS."""
    with av.open(str(path)) as container:
        return float(json.loads(stats("i=-20", container.streams.audio[0]))["input_i"])


def normalised(samples, rate, measured):
    """Trimmed to the speech, at the wanted loudness, quiet at both ends."""
    audible = np.flatnonzero(np.abs(samples) > AUDIBLE)
    fade = round(FADE_SECONDS * rate)
    padded = np.pad(samples, fade)
    speech = padded[audible[0] : audible[-1] + 1 + 2 * fade]
    speech[:fade] *= np.linspace(0, 1, fade)
    speech[-fade:] *= np.linspace(1, 0, fade)
    gain = min(10 ** ((LOUDNESS - measured) / 20), PEAK / np.abs(speech).max())
    return np.pad(speech * gain, round(QUIET_SECONDS * rate))


def write_flac(path, samples, rate):
    """16 bits, mono."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=rate)
        stream.layout, stream.format = "mono", "s16"
        frame = av.AudioFrame.from_ndarray(np.round(samples * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main():
    """Writes the recording and says how long and loud it is."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.wav"
        samples, rate = spoken(raw)
        result = normalised(samples, rate, loudness(raw))
    write_flac(OUTPUT, result, rate)
    peak = 20 * np.log10(np.abs(result).max())
    print(f"{OUTPUT.name}: {len(result) / rate:.2f} s, {rate} Hz, {loudness(OUTPUT):.1f} LUFS, peak {peak:.1f} dBFS")


if __name__ == "__main__":
    main()
