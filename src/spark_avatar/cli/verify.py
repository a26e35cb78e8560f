"""`spark-avatar verify`: what a video says of itself."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spark_avatar.cli.options import DataDir, JsonOutput, load_settings

if TYPE_CHECKING:
    from spark_avatar.provenance.examine import Examination
    from spark_avatar.provenance.manifest import ManifestFinding
    from spark_avatar.tasks.task import Task

NOTHING_FOUND, CHANGED = 5, 6
"""Exit codes; 0 is a manifest that is intact, or a copy that still carries a mark."""


def verify(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The video to look at.")],
    json_output: JsonOutput = False,
    data_dir: DataDir = None,
) -> None:
    """Tell a video's manifest, tags and watermark. Exits with 5 if it has none, 6 if it was changed since it was signed."""
    from spark_avatar.app.openings import find_task
    from spark_avatar.provenance.examine import Verdict, examine

    settings = load_settings(data_dir)
    found = examine(video, trust=settings.provenance_trust)
    task = find_task(settings, found.identity) if found.identity is not None else None
    if json_output:
        typer.echo(json.dumps(_document(found, task)))
    else:
        typer.echo("\n".join(_lines(found, task)))
    raise typer.Exit({Verdict.NOTHING: NOTHING_FOUND, Verdict.CHANGED: CHANGED}.get(found.verdict, 0))


def _document(found: "Examination", task: "Task | None") -> dict[str, object]:
    known = {"id": task.id, "status": task.status.value, "created_at": task.created_at.isoformat()} if task else None
    return found.document() | {"task": known}


def _lines(found: "Examination", task: "Task | None") -> list[str]:
    from spark_avatar.provenance.watermark import THRESHOLD

    tags, mark = found.tags, found.watermark
    plain = [f"{tags.source_type}, id {tags.identity}"] if tags else []
    plain += ["the comment of Spark Avatar"] if found.commented else []
    rows = {
        "verdict": found.verdict.value,
        "manifest": _signed(found.manifest) if found.manifest else "none",
        "tags": "; ".join(plain) or "none",
        "watermark": f"{found.watermark_id}, score {mark.score:.1f} (counts from {THRESHOLD:g})" if mark else "none",
        "task": f"{task.id}, {task.status.value}, of {task.created_at:%Y-%m-%d %H:%M} UTC" if task else "not known here",
    }
    return [f"{name:<10} {_plain(text)}" for name, text in rows.items()]


def _plain(text: str) -> str:
    """Without control characters: what a stranger's file says must not command the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _signed(manifest: "ManifestFinding") -> str:
    if not manifest.intact:
        return f"does not fit the file ({', '.join(manifest.faults)})"
    trust = (
        "trusted" if manifest.trusted else "untrusted: made by the program itself" if manifest.self_made else "not trusted here"
    )
    said = f"intact, signed by {manifest.signer!r} of {manifest.issuer!r} ({trust}); {manifest.source_type}"
    return said + ("; consent was stated" if manifest.consent else "")
