"""A job's inputs as files that any other server can read, and that tell nothing but what they show.

The portrait is saved anew as PNG: upright, without metadata, and with even sides, which video encoders ask for. The recording
goes as it is, with a suffix that says what it is: its own name may have none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spark_avatar.engines.engine import Portrait, Speech
from spark_avatar.media.image import read_image, write_image
from spark_avatar.media.sniff import SNIFF_BYTES, sniff_media

_SOUND: Final = {
    "WAV sound": (".wav", "audio/wav"),
    "MP3 sound": (".mp3", "audio/mpeg"),
    "FLAC sound": (".flac", "audio/flac"),
    "Ogg sound": (".ogg", "audio/ogg"),
    "M4A sound": (".m4a", "audio/mp4"),
    "AAC sound": (".aac", "audio/aac"),
    "MP4 video": (".mp4", "video/mp4"),
    "QuickTime video": (".mov", "video/quicktime"),
    "WebM or Matroska video": (".webm", "video/webm"),
}
_OTHER: Final = (".wav", "application/octet-stream")


@dataclass(frozen=True)
class InputFile:
    """A file to be sent."""

    path: Path
    media_type: str


def prepare_inputs(portrait: Portrait, speech: Speech, workdir: Path) -> tuple[InputFile, InputFile]:
    """Portrait and recording, below `workdir`. Raises `ImageUnreadable`."""
    image = read_image(portrait.path)
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    picture = workdir / "input.png"
    write_image(picture, image[:height, :width])
    with speech.path.open("rb") as file:
        suffix, media_type = _SOUND.get(sniff_media(file.read(SNIFF_BYTES)), _OTHER)
    sound = workdir / f"input{suffix}"
    sound.symlink_to(speech.path.absolute())
    return InputFile(picture, "image/png"), InputFile(sound, media_type)
