"""Where finished files go: looked at before any work is done, so that neither the work nor an input is lost."""

from collections.abc import Sequence
from pathlib import Path

from spark_avatar.errors import InvalidOptions


def check_destinations(inputs: Sequence[Path], **outputs: Path | None) -> None:
    """Raises `InvalidOptions` where an output, by the name of its option, could not be written, or would take the place of an
    input or of another output.
    """
    taken = [path.resolve() for path in inputs]
    for name, path in outputs.items():
        if path is None:
            continue
        if not path.parent.is_dir():
            raise InvalidOptions(f"the {name}'s folder does not exist: make it first", facts={"option": name})
        if path.resolve() in taken:
            raise InvalidOptions(
                f"the {name} would overwrite a file that is used otherwise: give it another name", facts={"option": name}
            )
        taken.append(path.resolve())
