"""How large an input may be."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class MediaLimits:
    """Checked while fetching and before decoding."""

    image_bytes: int = 5 * MEBIBYTE
    image_side: int = 4096
    """Pixels, for width and height alike."""
    audio_bytes: int = 100 * MEBIBYTE
    audio_seconds: float = 600.0
