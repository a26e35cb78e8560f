"""`spark-avatar demo`: the sample portrait speaks the sample recording."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="The MP4 to write.")] = Path("output/demo.mp4"),
) -> None:
    """Render the sample: NASA's portrait of Eileen Collins says hello."""
    from spark_avatar.cli.progress import ProgressBar
    from spark_avatar.cli.render import report
    from spark_avatar.media.samples import sample_portrait, sample_speech
    from spark_avatar.pipeline import render

    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, ProgressBar() as bar:
        portrait = sample_portrait(Path(folder) / "portrait.png")
        rendition = render(portrait, sample_speech(), output, seed=1, monitor=bar)
    report(rendition, json_output=False, quiet=False)
    typer.echo(f"Watch it: {output.resolve()}")
