"""The files that a video can be written to: container, codecs, and what goes with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class VideoFormat:
    """One kind of video file. Codecs and pixel formats have FFmpeg's names."""

    name: str
    """Also the suffix, without its dot."""
    media_type: str
    muxer: str
    codec: str
    pixels: str
    """Pixel format of opaque pictures."""
    codec_options: Mapping[str, str]
    sound_codec: str
    sound_rates: tuple[int, ...]
    """Hz: those that the sound is encoded at."""
    sound_options: Mapping[str, str] = field(default_factory=dict)
    sound_bits: Mapping[int, int] = field(default_factory=dict)
    """Bits per second by channels; none for sound without loss."""
    muxer_options: Mapping[str, str] = field(default_factory=dict)
    alpha_pixels: str | None = None
    """Pixel format of pictures with transparency; None where the format has none."""
    boxed: bool = True
    """Made of boxes (ISO/IEC 14496-12), which can hold a signed manifest and an XMP packet."""

    @property
    def suffix(self) -> str:
        """With its dot."""
        return f".{self.name}"


_THREADED: Final = {"row-mt": "1", "tile-columns": "1"}

MP4: Final = VideoFormat(
    name="mp4",
    media_type="video/mp4",
    muxer="mp4",
    codec="libx264",
    pixels="yuv420p",
    # crf 18 is the usual mark for no visible loss; slower presets only save bytes.
    codec_options={"preset": "veryfast", "crf": "18", "profile": "high", "x264-params": "open-gop=0"},
    sound_codec="aac",
    # ISO/IEC 14496-3 table 1.18 from telephone to studio; nothing above 48 kHz can be heard.
    sound_rates=(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    # At our bit rates as close to the original as FFmpeg's slower search (28-36 dB either way on speech), in a third of the time.
    sound_options={"aac_coder": "fast"},
    sound_bits={1: 128_000, 2: 192_000},
    muxer_options={"movflags": "+faststart"},
)
"""H.264 and AAC: plays everywhere."""

WEBM: Final = VideoFormat(
    name="webm",
    media_type="video/webm",
    muxer="webm",
    codec="libvpx-vp9",
    pixels="yuv420p",
    # FFmpeg encodes transparency as a second stream, which the hidden frames of `auto-alt-ref` would put out of step.
    codec_options={"deadline": "good", "cpu-used": "6", "crf": "24", "auto-alt-ref": "0", **_THREADED},
    sound_codec="libopus",
    sound_rates=(8_000, 12_000, 16_000, 24_000, 48_000),
    sound_bits={1: 96_000, 2: 128_000},
    alpha_pixels="yuva420p",
    boxed=False,
)
"""VP9 and Opus: transparent in browsers and streaming software."""

MOV: Final = VideoFormat(
    name="mov",
    media_type="video/quicktime",
    muxer="mov",
    codec="prores_ks",
    pixels="yuv444p10le",
    codec_options={"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
    sound_codec="pcm_s16le",
    sound_rates=(8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    muxer_options={"movflags": "+faststart"},
    alpha_pixels="yuva444p10le",
)
"""ProRes 4444 and uncompressed sound: for video editors."""

FORMATS: Final = {video.name: video for video in (MP4, WEBM, MOV)}


def format_of(path: Path) -> VideoFormat | None:
    """The format that a file's suffix names, if it is one of ours."""
    return FORMATS.get(path.suffix.lower().removeprefix("."))
