"""Recordings: measured by decoding them, since headers lie, then read as the speech analysis wants them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spark_avatar.errors import AudioSilent, AudioTooLong, AudioUnreadable
from spark_avatar.media.arrays import Samples
from spark_avatar.media.limits import MEBIBYTE, MediaLimits
from spark_avatar.media.mixing import mixed
from spark_avatar.media.recording import Recording

ANALYSIS_RATE: Final = 16_000
"""Hz: what speech analysis works at; speech has little above 8 kHz."""
_SHORTEST: Final = 0.2
"""Seconds: about one syllable."""
_SILENCE: Final = 1e-3
"""Peak under which there is no voice: -60 dB re full scale."""


@dataclass(frozen=True)
class AudioFacts:
    """What is known of a recording once it was decoded."""

    codec: str
    """`mp3`, `aac`, `pcm_s16le`, ..."""
    seconds: float
    """Length of what decodes, to the sample, without the encoder's padding where the file tells it."""
    sample_rate: int
    """Hz, of the file."""
    channels: int
    bytes: int
    missing_seconds: float = 0.0
    """How much longer the recording is by its header than what decodes; 0 where the header does not tell."""


def probe_audio(path: Path, limits: MediaLimits) -> AudioFacts:
    """Measures a recording by decoding it, a block at a time, no further than the limit.

    Any container with sound will do, video too; the first sound stream counts. Raises `AudioTooLong` (bytes or seconds),
    `AudioUnreadable` (not sound, damaged, under 0.2 s) and `AudioSilent` (never above -60 dB re full scale), with what was
    measured.
    """
    size = path.stat().st_size
    if size > limits.audio_bytes:
        raise AudioTooLong(
            f"The recording has {size / MEBIBYTE:.1f} MiB; at most {limits.audio_bytes / MEBIBYTE:g} MiB are allowed: "
            "shorten it or save it as MP3 or M4A.",
            facts={"audio_bytes": size, "limit_bytes": limits.audio_bytes},
        )
    peak = 0.0
    with Recording(path) as recording:
        for block in recording.blocks():
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            if recording.seconds > limits.audio_seconds:
                raise _too_long(recording, limits.audio_seconds)
        facts = AudioFacts(
            codec=recording.codec,
            seconds=float(recording.seconds),
            sample_rate=recording.sample_rate,
            channels=recording.channels,
            bytes=size,
            missing_seconds=round(recording.missing_seconds, 3),
        )
    _check_usable(facts, peak, recording.streams)
    return facts


def read_samples(path: Path, rate: int = ANALYSIS_RATE) -> Samples:
    """The whole recording as mono at `rate` Hz: `seconds * rate` samples, rounded. Of two channels it is the mean, or the louder
    one where they take each other away. Raises `AudioUnreadable`.
    """
    blocks = [*sample_blocks(path, rate)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def sample_blocks(path: Path, rate: int = ANALYSIS_RATE) -> Iterator[Samples]:
    """The same block by block, decoded as it is asked for. Raises `AudioUnreadable`."""
    with Recording(path) as recording:
        if recording.channels == 2:
            yield from mixed(recording.blocks(rate=rate, channels=2), rate)
        else:
            for block in recording.blocks(rate=rate, channels=1):
                yield block[0]


def _too_long(recording: Recording, limit: float) -> AudioTooLong:
    """Decoding stopped at the limit: how far it would have gone, only the header says."""
    claimed = recording.claimed_seconds
    by_header = f" (it is {claimed:.1f} s by its header)" if claimed > limit else ""
    return AudioTooLong(
        f"The recording is longer than the {limit:g} s that are allowed{by_header}: cut it, or make several videos.",
        facts={"audio_seconds": round(max(claimed, float(recording.seconds)), 3), "limit_seconds": limit},
    )


def _check_usable(facts: AudioFacts, peak: float, streams: int) -> None:
    measured = {f"audio_{name}": value for name, value in asdict(facts).items()}
    if facts.seconds < _SHORTEST:
        # Cut, not rounded: 0.199 s are not 0.20 s.
        raise AudioUnreadable(
            f"The recording is {int(facts.seconds * 100) / 100:.2f} s long: give at least {_SHORTEST:g} s of speech.",
            facts=measured,
        )
    if peak < _SILENCE:
        level = 20 * np.log10(max(peak, 1e-6))
        others = f" It is the first of {streams} sound tracks, and the only one that is used." if streams > 1 else ""
        raise AudioSilent(
            f"The recording is silent: in {facts.seconds:.1f} s its peak is {level:.0f} dB re full scale.{others} "
            f"Give one with a voice in it{', as the first track' if streams > 1 else ''}.",
            facts={**measured, "audio_peak_db": round(float(level), 1)},
        )
