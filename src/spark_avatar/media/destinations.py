"""Where finished files go: looked at before any work is done, so that neither the work nor an input is lost."""

from collections.abc import Sequence
from pathlib import Path

from spark_avatar.errors import InvalidOptions
from spark_avatar.media.image import can_write_image


def check_destinations(inputs: Sequence[Path], *, output: Path, thumbnail: Path | None, preview: Path | None) -> None:
    """Raises `InvalidOptions` where a file could not be written, or would take the place of an input or of another output."""
    if not output.parent.is_dir():
        raise _refused("output", "the output's folder does not exist: make it first")
    if thumbnail is not None and not can_write_image(thumbnail):
        raise _refused("thumbnail", "the thumbnail must be a .jpg or .png in a folder that exists")
    if preview is not None and not (preview.suffix.lower() == ".webp" and preview.parent.is_dir()):
        raise _refused("preview", "the preview must be a .webp in a folder that exists")
    taken = [path.resolve() for path in inputs]
    for name, path in (("output", output), ("thumbnail", thumbnail), ("preview", preview)):
        if path is None:
            continue
        if path.resolve() in taken:
            raise _refused(name, f"the {name} would overwrite a file that is used otherwise: give it another name")
        taken.append(path.resolve())


def _refused(option: str, message: str) -> InvalidOptions:
    return InvalidOptions(message, facts={"option": option})
