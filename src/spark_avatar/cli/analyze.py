"""`spark-avatar analyze`: what is seen in a portrait or heard in a recording, before anything is rendered."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from spark_avatar.cli.options import JsonOutput


def analyze(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A portrait or a recording.")],
    preview: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a picture with the face mesh here.")] = None,
    fps: Annotated[int, typer.Option(min=1, max=120, help="Frame rate of the track of a recording.")] = 25,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the track.")] = 0,
    json_output: JsonOutput = False,
) -> None:
    """Show the diagnostics of a portrait, or the animation track of a recording."""
    from spark_avatar.media.sniff import SNIFF_BYTES, sniff_kind

    with path.open("rb") as file:
        kind = sniff_kind(file.read(SNIFF_BYTES))
    if kind == "image":
        found, warnings = _portrait(path, preview)
    elif preview is not None:
        raise typer.BadParameter("only a portrait can be drawn", param_hint="--preview")
    else:
        found, warnings = _recording(path, fps, seed)
    found["warnings"] = warnings
    if json_output:
        typer.echo(json.dumps(found))
        return
    shown = {name: value for name, value in found.items() if name in ("face", "audio", "warnings", "frames", "seconds")}
    typer.echo(json.dumps(shown, indent=2))


def _portrait(path: Path, preview: Path | None) -> tuple[dict[str, object], list[dict[str, str]]]:
    from spark_avatar.face.analyzer import FaceAnalyzer
    from spark_avatar.face.preview import draw_mesh
    from spark_avatar.media.image import probe_image, read_image, write_image
    from spark_avatar.media.limits import MediaLimits

    probe_image(path, MediaLimits())
    image = read_image(path)
    rig = FaceAnalyzer().analyze(image)
    if preview is not None:
        write_image(preview, draw_mesh(image, rig))
    return {"face": asdict(rig.diagnostics)}, [asdict(warning) for warning in rig.warnings]


def _recording(path: Path, fps: int, seed: int) -> tuple[dict[str, object], list[dict[str, str]]]:
    from fractions import Fraction

    import numpy as np

    from spark_avatar.animation.animator import animate
    from spark_avatar.media.audio import probe_audio
    from spark_avatar.media.limits import MediaLimits
    from spark_avatar.speech.analyzer import analyze_speech

    features = analyze_speech(path, probe_audio(path, MediaLimits()))
    track = animate(features, frame_rate=Fraction(fps), rng=np.random.default_rng(seed))
    return {**track.to_dict(), "audio": asdict(features.diagnostics)}, [asdict(warning) for warning in features.warnings]
