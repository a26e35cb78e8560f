"""What became of a job, read from its record in the history."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from spark_avatar.engines.comfyui.client import RemoteFile
from spark_avatar.errors import GenerationError, ResultParsingError

VIDEO_SUFFIXES: Final = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
"""Best first."""
_ENDS: Final = ("execution_success", "execution_error", "execution_interrupted")
_REASON_CHARACTERS: Final = 300
_PATH: Final = re.compile(r"(?:[A-Za-z]:\\|\\\\|~?/)[^\s'\",;:)]*[/\\][^\s'\",;:)]*")
"""A path of the server's machine: nobody else's business."""
_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d+)?")
_LATEST: Final = 1e14
"""Milliseconds since 1970 in the year 5138."""


@dataclass(frozen=True)
class Success:
    """A job that ran to its end."""

    seconds: float
    """Of execution."""
    videos: tuple[RemoteFile, ...]
    """Best candidate first."""
    outputs: Mapping[str, Any]
    """As the server lists them: node id -> name of a list -> items."""


def read_outcome(record: Mapping[str, Any], output_node: str | None) -> Success:
    """Reads a record.

    Raises `GenerationError` when the job failed or was interrupted, with the node and its message, and `ResultParsingError`
    for a record that says neither, or a success that lists no video.
    """
    status, outputs = record.get("status"), record.get("outputs")
    event, detail, seconds = _end(status)
    if event == "execution_interrupted":
        raise GenerationError("The job was interrupted on the ComfyUI server.")
    if event == "execution_error" or _said(status) == "error":
        raise GenerationError(_reason(detail))
    if event != "execution_success" and _said(status) != "success" and not outputs:
        raise ResultParsingError("The ComfyUI server's record of the job does not say how it ended.")
    if not isinstance(outputs, dict):
        raise ResultParsingError("The ComfyUI server's record of the job lists no outputs.")
    videos = tuple(_videos(outputs, output_node))
    if not videos:
        raise ResultParsingError("The workflow ended without a video among its outputs: it needs a node that saves one.")
    return Success(seconds, videos, outputs)


def reported_units(outputs: Mapping[str, Any], node: str) -> int | None:
    """The compute units that a text output of the workflow reports: the first number in it, rounded up."""
    output = outputs.get(node)
    for value in output.values() if isinstance(output, dict) else ():
        for item in value if isinstance(value, list) else ():
            number = _NUMBER.search(item) if isinstance(item, str) else None
            if number:
                return math.ceil(float(number.group()))
    return None


def _said(status: object) -> str:
    return str(status.get("status_str", "")) if isinstance(status, dict) else ""


def _end(status: object) -> tuple[str, Mapping[str, Any], float]:
    """The last event that ends a job, what it tells, and the seconds since the job's start. `status_str` would not do: an
    interrupt is an "error" there.
    """
    messages = status.get("messages") if isinstance(status, dict) else None
    started: float | None = None
    found: tuple[str, Mapping[str, Any], float] = ("", {}, 0.0)
    for message in messages if isinstance(messages, list) else ():
        if not (isinstance(message, list) and len(message) == 2 and isinstance(message[1], dict)):
            continue
        name, detail = message
        if name == "execution_start":
            started = _milliseconds(detail)
        elif name in _ENDS:
            ended = _milliseconds(detail)
            seconds = (ended - started) / 1000 if started is not None and ended is not None else 0.0
            found = (str(name), detail, max(0.0, seconds))
    return found


def _milliseconds(detail: Mapping[str, Any]) -> float | None:
    value = detail.get("timestamp")
    return float(value) if isinstance(value, (int, float)) and 0 <= value < _LATEST else None


def _reason(detail: Mapping[str, Any]) -> str:
    """For the user: the node and its message. Tracebacks, tensors and paths stay where they are."""
    node, message = str(detail.get("node_type", "")), str(detail.get("exception_message", ""))
    lines = _PATH.sub("…", message).strip().splitlines()
    text = lines[0][:_REASON_CHARACTERS] if lines else ""
    where = f" in its node {node}" if node else ""
    return f"The workflow failed{where}: {text}" if text else f"The workflow failed{where}."


def _videos(outputs: Mapping[str, Any], output_node: str | None) -> list[RemoteFile]:
    """Every video of every list. Core nodes call the list `images`, others `gifs`: the name says nothing, the suffix does."""
    found = [
        (node != output_node, file.kind != "output", VIDEO_SUFFIXES.index(_suffix(file)), -position, file)
        for position, (node, file) in enumerate(_files(outputs))
        if _suffix(file) in VIDEO_SUFFIXES
    ]
    return [item[-1] for item in sorted(found, key=lambda item: item[:-1])]


def _files(outputs: Mapping[str, Any]) -> Iterator[tuple[str, RemoteFile]]:
    for node, output in outputs.items():
        for items in output.values() if isinstance(output, dict) else ():
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict) and isinstance(item.get("filename"), str):
                    kind, subfolder = item.get("type") or "output", item.get("subfolder") or ""
                    yield str(node), RemoteFile(item["filename"], str(subfolder), str(kind))


def _suffix(file: RemoteFile) -> str:
    return PurePosixPath(file.filename).suffix.lower()
