"""`spark-avatar render`: a portrait and a recording, or a track, to a video."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spark_avatar.cli.options import JsonOutput, load_settings

if TYPE_CHECKING:
    from spark_avatar.config import Settings
    from spark_avatar.engines.engine import Rendition
    from spark_avatar.pipeline import Pipeline

_COLOUR = re.compile("#[0-9a-fA-F]{6}")

Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Same inputs and seed: same frames.  [default: random]")]


def render_command(
    image: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The portrait.")],
    audio: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="The speech that drives it.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", dir_okay=False, help="The video to write: .mp4, .webm or .mov.")
    ] = Path("out.mp4"),
    track: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Follow this track (JSON or CSV) instead, without sound."),
    ] = None,
    seed: Seed = None,
    fps: Annotated[int | None, typer.Option(help="Frames per second: 24, 25, 30, 50 or 60.")] = None,
    resolution: Annotated[str | None, typer.Option(help="source, 360p, 480p, 720p, 1080p, 1440p or 2160p.")] = None,
    expressiveness: Annotated[float | None, typer.Option(help="0 (calm) to 2 (lively).")] = None,
    head_motion: Annotated[float | None, typer.Option(help="0 (still) to 2 (lively).")] = None,
    emotion: Annotated[
        str | None, typer.Option(help="auto (from the voice), neutral, happy, sad, angry, surprised or calm.")
    ] = None,
    transcript: Annotated[str | None, typer.Option(help="What is said, where it is known: sharpens the lips.")] = None,
    crop: Annotated[str | None, typer.Option(help="face: a square around the face; none: the whole portrait.")] = None,
    background: Annotated[
        str | None, typer.Option(help="Behind the person: keep, transparent, a colour like #00B140, or a picture's file.")
    ] = None,
    format: Annotated[  # noqa: A002 - named as the engine's option
        str | None, typer.Option(help="mp4, webm, mov, or auto.  [default: as the output's suffix says]")
    ] = None,
    thumbnail: Annotated[Path | None, typer.Option(dir_okay=False, help="Also save a good frame here, as JPEG or PNG.")] = None,
    preview: Annotated[Path | None, typer.Option(dir_okay=False, help="Also save the first seconds small, as a WebP.")] = None,
    engine: Annotated[str, typer.Option(help="Which engine renders; see `engines list`.")] = "portrait",
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="An option that only this engine has; repeatable.")
    ] = None,
    label: Annotated[bool, typer.Option("--label", help="Show in a corner that the video was generated.")] = False,
    consent: Annotated[
        str | None, typer.Option(help="State that the person shown agrees; the video says only that you did.")
    ] = None,
    json_output: JsonOutput = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Render a talking video from a portrait and a recording."""
    from spark_avatar.animation.track_io import read_track
    from spark_avatar.cli.progress import ProgressBar
    from spark_avatar.pipeline import with_format

    if (audio is None) == (track is None):
        raise typer.BadParameter("give either a recording or --track", param_hint="AUDIO")
    motion = read_track(track) if track is not None else audio
    assert motion is not None
    behind = _picture(background)
    given = {
        "fps": fps,
        "resolution": resolution,
        "crop": crop,
        "background": None if behind is not None else background,
        "format": format,
        "expressiveness": expressiveness,
        "head_motion": head_motion,
        "emotion": emotion,
        "transcript": transcript,
    }
    options = {**_engine_options(option or []), **{name: value for name, value in given.items() if value is not None}}
    settings = load_settings()
    with ProgressBar(quiet=quiet or json_output) as bar:
        rendition = _pipeline(settings).render(
            image,
            motion,
            output,
            engine=engine,
            options=with_format(output, options),
            seed=seed,
            monitor=bar,
            thumbnail=thumbnail,
            preview=preview,
            background=behind,
            label=label,
            consent=_stated(consent, settings),
        )
    report(rendition, json_output=json_output, quiet=quiet)


def _picture(background: str | None) -> Path | None:
    """The file that is meant, if it is one."""
    if background is None or background in ("keep", "transparent") or _COLOUR.fullmatch(background):
        return None
    path = Path(background)
    if not path.is_file():
        raise typer.BadParameter(
            f"{background} is neither keep, transparent, a colour like #00B140, nor a file that exists", param_hint="--background"
        )
    return path


def _engine_options(pairs: list[str]) -> dict[str, object]:
    """`NAME=VALUE` each; a value that reads as JSON is taken as such, any other as a text."""
    options: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"write NAME=VALUE, not {pair}", param_hint="--option")
        try:
            options[name.strip()] = json.loads(value)
        except ValueError:
            options[name.strip()] = value
    return options


def _stated(consent: str | None, settings: "Settings") -> bool:
    """Whether there is a statement of consent; raises `ConsentMissing` where the settings ask for one."""
    from spark_avatar.errors import ConsentMissing

    stated = bool(consent and consent.strip())
    if settings.require_consent and not stated:
        raise ConsentMissing("`--consent` is missing: state in a sentence that the person shown agrees to the video.")
    return stated


def _pipeline(settings: "Settings") -> "Pipeline":
    """With the engines that are set up, remote ones too, and the limits and marks that the settings ask for."""
    from spark_avatar.pipeline import Pipeline
    from spark_avatar.wiring import engine_registry, limits_of, provenance_of

    return Pipeline(engine_registry(settings), limits_of(settings), provenance_of(settings))


def report(rendition: "Rendition", *, json_output: bool, quiet: bool) -> None:
    """Prints what was made: JSON on standard output, or a sentence on standard error with the warnings."""
    if json_output:
        typer.echo(json.dumps(summary(rendition)))
        return
    for warning in rendition.warnings:
        typer.echo(f"warning: {warning.message}", err=True)
    if not quiet:
        took = rendition.timings.get("total", 0.0)
        typer.echo(
            f"{rendition.path}: {rendition.seconds:.1f} s, {rendition.width} x {rendition.height}, "
            f"{rendition.frames} frames, made in {took:.1f} s (seed {rendition.seed})",
            err=True,
        )


def summary(rendition: "Rendition") -> dict[str, object]:
    """The Rendition as one JSON object."""
    rate = rendition.frame_rate
    return {
        "path": str(rendition.path),
        "thumbnail": str(rendition.thumbnail) if rendition.thumbnail else None,
        "preview": str(rendition.preview) if rendition.preview else None,
        "format": rendition.format.name,
        "transparent": rendition.transparent,
        "seconds": round(rendition.seconds, 4),
        "frames": rendition.frames,
        "frame_rate": rate.numerator if rate.denominator == 1 else round(float(rate), 6),
        "width": rendition.width,
        "height": rendition.height,
        "engine": rendition.engine,
        "seed": rendition.seed,
        "compute_units": rendition.compute_units,
        "timings": {stage: round(seconds, 4) for stage, seconds in rendition.timings.items()},
        "warnings": [{"code": warning.code, "message": warning.message} for warning in rendition.warnings],
        "diagnostics": rendition.diagnostics,
        "provenance": rendition.provenance,
    }
