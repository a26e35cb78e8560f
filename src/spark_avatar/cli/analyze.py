"""`spark-avatar analyze`: what is seen in a portrait or heard in a recording, before anything is rendered."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from spark_avatar.cli.options import JsonOutput, load_settings


def analyze(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A portrait or a recording.")],
    preview: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Draw the face mesh, or waveform, spectrogram, visemes and mouth curves, here."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Write the track of a recording here, JSON or CSV.")
    ] = None,
    visemes: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the visemes of a recording with their times here, JSON or CSV.")
    ] = None,
    transcript: Annotated[
        str | None, typer.Option(help="What is said in a recording, where it is known: sharpens the lips.")
    ] = None,
    fps: Annotated[int, typer.Option(min=1, max=120, help="Frame rate of the track of a recording.")] = 25,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the track.")] = 0,
    json_output: JsonOutput = False,
) -> None:
    """Show the diagnostics of a portrait, or the animation track of a recording."""
    from spark_avatar.media.sniff import SNIFF_BYTES, sniff_kind, sniff_media, with_article

    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    picture = sniff_kind(head) == "image"
    if picture and (output is not None or visemes is not None or transcript is not None):
        raise typer.BadParameter(
            f"the file is {with_article(sniff_media(head))}; only a recording has a track, visemes and a transcript",
            param_hint="--output, --visemes, --transcript",
        )
    _check_targets(path, preview=preview, output=output, visemes=visemes)
    if picture:
        found, warnings = _portrait(path, preview)
    else:
        found, warnings = _recording(
            path, fps, seed, transcript or "", preview=preview, output=output, visemes=visemes, in_full=json_output
        )
    found["warnings"] = warnings
    if json_output:
        typer.echo(json.dumps(found))
        return
    shown = {name: value for name, value in found.items() if name in ("face", "audio", "warnings", "frames", "seconds")}
    typer.echo(json.dumps(shown, indent=2))


def _check_targets(path: Path, *, preview: Path | None, output: Path | None, visemes: Path | None) -> None:
    """Raises `InvalidOptions` for a file that could not be written in the end, or would take the place of another."""
    from spark_avatar.errors import InvalidOptions
    from spark_avatar.media.destinations import check_destinations
    from spark_avatar.media.image import can_write_image

    check_destinations([path], output=output, visemes=visemes, preview=preview)
    if preview is not None and not can_write_image(preview):
        raise InvalidOptions("the preview must be a .jpg or .png", facts={"option": "preview"})


def _portrait(path: Path, preview: Path | None) -> tuple[dict[str, object], list[dict[str, str]]]:
    from spark_avatar.face.analyzer import FaceAnalyzer
    from spark_avatar.face.preview import draw_mesh
    from spark_avatar.media.image import probe_image, read_image, write_image
    from spark_avatar.wiring import limits_of

    probe_image(path, limits_of(load_settings()))
    image = read_image(path)
    rig = FaceAnalyzer().analyze(image)
    if preview is not None:
        write_image(preview, draw_mesh(image, rig))
    return {"face": asdict(rig.diagnostics)}, [asdict(warning) for warning in rig.warnings]


def _recording(
    path: Path,
    fps: int,
    seed: int,
    transcript: str,
    *,
    preview: Path | None,
    output: Path | None,
    visemes: Path | None,
    in_full: bool,
) -> tuple[dict[str, object], list[dict[str, str]]]:
    """What was found, with the track and the visemes themselves where it is told in full."""
    from fractions import Fraction

    import numpy as np

    from spark_avatar.animation.animator import animate
    from spark_avatar.animation.preview import draw_recording
    from spark_avatar.animation.track_io import write_track
    from spark_avatar.media.audio import probe_audio, read_samples
    from spark_avatar.media.image import write_image
    from spark_avatar.speech.analyzer import analyze_speech
    from spark_avatar.speech.mel import SAMPLE_RATE
    from spark_avatar.speech.visemes import find_visemes, listed, write_visemes
    from spark_avatar.wiring import limits_of

    facts = probe_audio(path, limits_of(load_settings()))
    features = analyze_speech(path, facts, transcript)
    track = animate(features, frame_rate=Fraction(fps), rng=np.random.default_rng(seed), emotion="auto")
    seen = find_visemes(features.visemes, features.activity, seconds=features.seconds)
    if output is not None:
        write_track(track, output)
    if visemes is not None:
        write_visemes(seen, visemes)
    if preview is not None:
        write_image(preview, draw_recording(read_samples(path, rate=SAMPLE_RATE), track, seen))
    audio = {"audio": asdict(features.diagnostics)}
    found: dict[str, object] = {"frames": len(track), "seconds": round(track.seconds, 4), **audio}
    if in_full:
        found = {**track.to_dict(), "visemes": listed(seen), **audio}
    return found, [asdict(warning) for warning in features.warnings]
