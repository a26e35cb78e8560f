"""`spark-avatar track`: what a filmed face does, as a track that any portrait can follow."""

from pathlib import Path
from typing import Annotated

import typer


def track_command(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A video of one person's face.")],
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="The track to write: .json or .csv.")] = Path(
        "track.json"
    ),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Take the motion of a filmed face, for `render --track`."""
    from spark_avatar.animation.track_io import write_track
    from spark_avatar.capture.capture import capture_track
    from spark_avatar.cli.progress import ProgressBar
    from spark_avatar.media.destinations import check_destinations

    check_destinations([video], output=output)
    with ProgressBar(quiet=quiet) as bar:
        track = capture_track(video, bar)
    write_track(track, output)
    if not quiet:
        typer.echo(f"{output}: {track.seconds:.1f} s, {len(track)} frames", err=True)
