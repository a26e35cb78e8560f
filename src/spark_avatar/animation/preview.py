"""A recording and its animation in one picture: waveform, mel spectrogram, visemes and mouth curves over one time axis."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import cv2
import numpy as np

from spark_avatar.animation.track import AnimationTrack
from spark_avatar.media.arrays import Curve, RGBImage, Samples
from spark_avatar.speech.mel import SAMPLE_RATE, log_mel
from spark_avatar.speech.visemes import Viseme

Colour = tuple[int, int, int]

PIXELS_PER_SECOND: Final = 240
WIDTHS: Final = (640, 24_000)
"""Least and greatest width; long recordings are squeezed."""
_MARGIN: Final = 116
_HEIGHTS: Final = {"waveform": 90, "mel": 160, "visemes": 44, "curves": 150}
_GAP: Final = 8
_PAPER: Final[Colour] = (252, 252, 250)
_INK: Final[Colour] = (40, 44, 52)
_FAINT: Final[Colour] = (214, 216, 220)
_WAVE: Final[Colour] = (70, 110, 180)
_CURVES: Final[dict[str, Colour]] = {
    "opening": (200, 50, 60),
    "jawOpen": (230, 150, 40),
    "mouthClose": (40, 44, 52),
    "mouthPucker": (110, 80, 180),
    "mouthStretchLeft": (40, 140, 90),
}
_DYNAMICS: Final = 13.0
"""Range of the log-mel colours under the loudest band, in nepers of power."""
_WIDEST: Final = 0.3
"""Gap in E that fills the panel: more is rare in speech."""
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SIZE: Final = 0.38


def draw_recording(samples: Samples, track: AnimationTrack, visemes: Sequence[Viseme]) -> RGBImage:
    """The picture of 16 kHz samples and what was made of them."""
    seconds = max(len(samples) / SAMPLE_RATE, track.seconds)
    width = int(np.clip(seconds * PIXELS_PER_SECOND, *WIDTHS))
    height = sum(_HEIGHTS.values()) + _GAP * (len(_HEIGHTS) + 1) + 20
    page = np.full((height, width + _MARGIN + _GAP, 3), _PAPER, np.uint8)
    panels: dict[str, RGBImage] = {}
    top = _GAP
    for name, tall in _HEIGHTS.items():
        panels[name] = page[top : top + tall, _MARGIN : _MARGIN + width]
        _write(page, name, (4, top + 14), _INK)
        top += tall + _GAP
    _draw_waveform(panels["waveform"], samples, seconds)
    _draw_mel(panels["mel"], samples, seconds)
    _draw_visemes(panels["visemes"], visemes, seconds)
    _draw_curves(panels["curves"], track, seconds)
    _draw_seconds(page[:, _MARGIN : _MARGIN + width], seconds)
    for row, (name, colour) in enumerate(_CURVES.items()):
        _write(page, name, (4, height - 20 - _GAP - _HEIGHTS["curves"] + 34 + 14 * row), colour)
    return page


def _draw_waveform(panel: RGBImage, samples: Samples, seconds: float) -> None:
    height, width = panel.shape[:2]
    edges = np.minimum((np.arange(width + 1) * seconds / width * SAMPLE_RATE).astype(int), len(samples))
    middle, reach = height // 2, (height - 2) / 2 / max(float(np.abs(samples).max(initial=0)), 1e-6)
    for x, (first, last) in enumerate(pairwise(edges)):
        if last > first:
            low, high = (round(middle - reach * float(v)) for v in (samples[first:last].max(), samples[first:last].min()))
            panel[low : high + 1, x] = _WAVE


def _draw_mel(panel: RGBImage, samples: Samples, seconds: float) -> None:
    mel = log_mel(samples)
    if len(mel) == 0:
        return
    loudest = float(mel.max())
    grey = np.clip(255 * (mel.T[::-1] - loudest + _DYNAMICS) / _DYNAMICS, 0, 255).astype(np.uint8)
    height = panel.shape[0]
    width = max(1, round(panel.shape[1] * len(samples) / SAMPLE_RATE / seconds))
    scaled = cv2.resize(grey, (min(width, panel.shape[1]), height), interpolation=cv2.INTER_AREA)
    panel[:, : scaled.shape[1]] = cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_MAGMA), cv2.COLOR_BGR2RGB)


def _draw_visemes(panel: RGBImage, visemes: Sequence[Viseme], seconds: float) -> None:
    height, width = panel.shape[:2]
    ends = dict.fromkeys((height // 4 + 4, 3 * height // 4 + 4), 0)  # where the last name of each line of names ends, by its foot
    for viseme in visemes:
        left, right = (round(moment / seconds * width) for moment in (viseme.start, viseme.end))
        if viseme.name == "sil":
            continue
        cv2.rectangle(panel, (left, 0), (right, height - 1), _FAINT, 1)
        foot = min(ends, key=lambda line: (ends[line] > left, ends[line]))
        if ends[foot] <= left:  # names that fit in neither line are left out, as in a squeezed picture
            _write(panel, viseme.name, (left + 2, foot), _INK)
            ends[foot] = left + 4 + cv2.getTextSize(viseme.name, _FONT, _FONT_SIZE, 1)[0][0]


def _draw_curves(panel: RGBImage, track: AnimationTrack, seconds: float) -> None:
    height, width = panel.shape[:2]
    cv2.line(panel, (0, height - 1), (width, height - 1), _FAINT, 1)
    x = np.arange(len(track)) / float(track.frame_rate) / seconds * width
    for name, colour in _CURVES.items():
        values: Curve = track.mouth_open / np.float32(_WIDEST) if name == "opening" else track.curve(name)
        points = np.stack([x, (height - 2) * (1 - np.minimum(values, 1))], axis=1).round().astype(np.int32)
        cv2.polylines(panel, [points], False, colour, 1, cv2.LINE_AA)


def _draw_seconds(page: RGBImage, seconds: float) -> None:
    height, width = page.shape[:2]
    step = max(1, round(seconds / width * PIXELS_PER_SECOND))
    for second in range(0, int(seconds) + 1, step):
        x = round(second / seconds * width)
        cv2.line(page, (x, height - 18), (x, height - 12), _INK, 1)
        _write(page, f"{second} s", (x + 3, height - 6), _INK)


def _write(image: RGBImage, text: str, place: tuple[int, int], colour: Colour) -> None:
    cv2.putText(image, text, place, _FONT, _FONT_SIZE, colour, 1, cv2.LINE_AA)
