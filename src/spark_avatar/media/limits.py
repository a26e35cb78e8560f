"""How large an input may be."""

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class MediaLimits:
    """Checked while fetching and before decoding."""

    image_bytes: int = 5 * MEGABYTE
    image_side: int = 4096
    """Pixels, for width and height alike."""
    audio_bytes: int = 100 * MEGABYTE
    audio_seconds: float = 600.0
