"""The samples that the web page offers."""

import uuid
from collections.abc import Callable
from pathlib import Path

from spark_avatar.private_files import make_private_folder


def sample_files(folder: Path) -> Callable[[str], Path]:
    """Finds a sample by its name; the portrait is written into the folder on first use."""

    def sample(name: str) -> Path:
        from spark_avatar.media.samples import sample_portrait, sample_speech  # heavy, and rarely needed

        if name == "speech.flac":
            return sample_speech()
        path = folder / "portrait.png"
        if not path.exists():
            make_private_folder(path.parent)
            draft = path.with_name(f"{uuid.uuid4().hex}.png")  # two requests may come at once
            sample_portrait(draft).replace(path)
        return path

    return sample
