"""eSpeak NG through its C library: samples and the times of its phonemes (espeak-ng/speak_lib.h, version 1.51)."""

import ctypes
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.corpus import Segment
from training.phones import SILENCE, read_ipa

_SYNCHRONOUS: Final = 2
_PHONEME_EVENTS_IPA_DONT_EXIT: Final = 1 | 2 | 0x8000
_PHONEME_EVENT: Final = 7
_RATE_PARAMETER, _PITCH_PARAMETER, _RANGE_PARAMETER = 1, 3, 4
_UTF8: Final = 1
_NAME_BYTES: Final = 8

_QUIET_SHARE: Final = 0.03
_LONGEST_CLOSURE: Final = 13
_STOPS: Final = frozenset("pbtdkɡgqʈɖcɟʔ")


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * _NAME_BYTES))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Manner:
    """How to speak: words per minute, pitch and its range 0..99."""

    words_per_minute: int = 175
    pitch: int = 50
    pitch_range: int = 50


class Espeak:
    """The synthesiser. One per process; it crashes in the library with some variants, so keep processes short."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS_IPA_DONT_EXIT)
        self._blocks: list[NDArray[np.int16]] = []
        self._events: list[tuple[float, str]] = []
        self._callback = _Callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != 0:
            event = events[index]
            if event.type == _PHONEME_EVENT:
                # The name has no terminating zero when it fills the field.
                raw = ctypes.string_at(ctypes.addressof(event) + _Event.id.offset, _NAME_BYTES).split(b"\0")[0]
                self._events.append((event.audio_position / 1000, raw.decode("utf-8", "ignore")))
            index += 1
        return 0

    def speak(self, text: str, voice: str, manner: Manner) -> tuple[NDArray[np.int16], list[Segment]]:
        """Samples at `rate`, and IPA segments. Raises `ValueError` if it does not know the voice."""
        self._blocks.clear()
        self._events.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE_PARAMETER, manner.words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH_PARAMETER, manner.pitch, 0)
        self._library.espeak_SetParameter(_RANGE_PARAMETER, manner.pitch_range, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)
        return samples, segments_of_events(self._events, samples, self.rate)


def segments_of_events(events: list[tuple[float, str]], samples: NDArray[np.int16], rate: int) -> list[Segment]:
    """Phoneme events as segments.

    Two corrections make the labels true: a nameless event is a pause only where nothing is heard, and the silence before a
    stop's burst, which the library counts to the sound before, is the stop's closure.
    """
    levels = _levels(samples, rate)
    quiet = _QUIET_SHARE * float(np.percentile(levels, 95)) if len(levels) else 0.0
    sounding = [event for event in events if not event[1].startswith("(")]
    ends = [start for start, _ in sounding[1:]] + [len(samples) / rate]
    segments: list[Segment] = []
    for (start, symbol), end in zip(sounding, ends, strict=True):
        if symbol in ("", SILENCE) and end > start and segments:
            first = int(start * 100)
            heard = levels[first : max(first + 1, int(end * 100))]
            if len(heard) and np.median(heard) > 2 * quiet:
                segments[-1] = (segments[-1][0], end, segments[-1][2])
                continue
        segments.append((start, end, symbol))
    segments = _with_closures(segments, levels, quiet)
    if segments and segments[0][0] > 0:
        segments.insert(0, (0.0, segments[0][0], SILENCE))
    return segments


def _levels(samples: NDArray[np.int16], rate: int) -> NDArray[np.float64]:
    """RMS in steps of 10 ms."""
    step = rate / 100
    edges = np.round(np.arange(int(len(samples) / step) + 1) * step).astype(int)
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    levels: NDArray[np.float64] = np.sqrt(np.diff(energy[edges]) / np.maximum(np.diff(edges), 1) + 1e-9)
    return levels


def _with_closures(segments: list[Segment], levels: NDArray[np.float64], quiet: float) -> list[Segment]:
    moved = list(segments)
    for i in range(1, len(moved)):
        start, end, symbol = moved[i]
        before = moved[i - 1]
        if not read_ipa(symbol) or symbol[:1] not in _STOPS or before[2] in ("", SILENCE):
            continue
        burst = round(start * 100)
        first = burst
        while first > 0 and burst - first < _LONGEST_CLOSURE and first <= len(levels) and levels[first - 1] < quiet:
            first -= 1
        if first < burst and first / 100 > before[0] + 0.02:
            moved[i] = (first / 100, end, symbol)
            moved[i - 1] = (before[0], first / 100, before[2])
    return moved
