"""A picture and a recording to try things with; both come with the installation."""

from pathlib import Path

from skimage.data import astronaut

from spark_avatar.media.image import write_image


def sample_portrait(path: Path) -> Path:
    """Writes the portrait, 512 x 512, to `path` (.png or .jpg) and returns it.

    Eileen Collins, photographed by NASA and in the public domain; scikit-image carries it as its test picture.
    """
    write_image(path, astronaut())  # type: ignore[no-untyped-call]
    return path


def sample_speech() -> Path:
    """The recording: 8.8 s of a synthetic voice; see `data/README.md`."""
    return Path(__file__).parent / "data" / "sample_speech.flac"
