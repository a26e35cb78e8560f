"""Records what a ComfyUI server says to our client, for tests/recorded: `python scripts/record_comfyui.py URL`.

Three short jobs of the shipped workflow are run: one that succeeds, one that is refused, one that fails in a node. Nothing of the
server's machine is kept: no traces, no list of its files, no numbers of its memory.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spark_avatar.engines.comfyui import job as job_module
from spark_avatar.engines.comfyui import pool as pool_module
from spark_avatar.engines.comfyui.check import Report
from spark_avatar.engines.comfyui.configuration import ComfyConfiguration, ServerAddress
from spark_avatar.engines.comfyui.engine import ComfyEngine
from spark_avatar.engines.comfyui.pool import ServerPool
from spark_avatar.engines.comfyui.progress import ProgressListener
from spark_avatar.engines.comfyui.workflow import SHIPPED, read_workflow
from spark_avatar.engines.engine import Portrait, RenderJob, SilentMonitor, Speech
from spark_avatar.engines.transport import Reply, Transport
from spark_avatar.errors import SparkAvatarError
from spark_avatar.media.audio import probe_audio
from spark_avatar.media.image import probe_image, write_image
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.samples import sample_speech

LEFT_OUT = ("traceback", "current_inputs", "current_outputs", "argv", "devices", "ram_total", "ram_free", "tooltip")
GRAPH_CHANGES: dict[str, Callable[[dict], object]] = {
    "success": lambda _graph: None,
    "refused": lambda graph: graph["3"]["inputs"].update(crop="sideways"),
    "failed": lambda graph: graph["3"]["inputs"].update(width=255, height=255),
}


class RecordingTransport(Transport):
    """Notes every answer."""

    steps: list[dict[str, Any]] = []  # noqa: RUF012 - one recording at a time

    def get(self, path: str, **more: Any) -> Reply:
        return self._note("GET", path, super().get(path, **more))

    def post(self, path: str, **more: Any) -> Reply:
        return self._note(more.get("method", "POST"), path, super().post(path, **more), more.get("content"))

    def upload(self, path: str, **more: Any) -> Reply:
        return self._note("POST", path, super().upload(path, **more), {"name": more["name"]})

    def download(self, url: str, target: Path, **more: Any) -> int:
        status = super().download(url, target, **more)
        self.steps.append({"method": "GET", "path": url, "status": status, "file": True})
        return status

    def _note(self, method: str, path: str, reply: Reply, sent: object = None) -> Reply:
        step = {"method": method, "path": path, "status": reply.status, "body": _readable(reply.body)}
        if sent is not None:
            step["sent"] = sent
        if step not in self.steps:  # the same answer again tells nothing new
            self.steps.append(step)
        return reply


class RecordingListener(ProgressListener):
    """Notes every message."""

    def take(self, message: str) -> None:
        RecordingTransport.steps.append({"message": json.loads(message)})
        super().take(message)


def record(url: str, name: str, folder: Path) -> list[dict[str, Any]]:
    """The steps of one job."""
    RecordingTransport.steps = []
    graph = json.loads((SHIPPED / "example.json").read_text())
    GRAPH_CHANGES[name](graph)
    (folder / "example.json").write_text(json.dumps(graph))
    pool = ServerPool(ComfyConfiguration((ServerAddress(url),), folder / "state", patience_seconds=0, poll_seconds=0.1))
    for server in pool.servers:
        server.client.transport = RecordingTransport(url)
    engine = ComfyEngine(read_workflow(folder / "example.json"), pool)
    work = folder / name
    work.mkdir()
    limits = MediaLimits()
    write_image(work / "portrait.png", np.full((64, 64, 3), 120, np.uint8))
    portrait = Portrait(work / "portrait.png", probe_image(work / "portrait.png", limits))
    speech = Speech(sample_speech(), probe_audio(sample_speech(), limits))
    try:
        engine.render(RenderJob(portrait, speech, engine.Options(), 1, work), SilentMonitor())
    except SparkAvatarError as error:
        print(f"{name}: {error.code} {error}")
    return json.loads(json.dumps(RecordingTransport.steps), object_hook=_kept)


def _readable(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _kept(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in LEFT_OUT and "package" not in name and "py" not in name}


def main() -> None:
    """Writes `comfyui-VERSION.json` into tests/recorded."""
    url = sys.argv[1].rstrip("/")
    job_module.ProgressListener = RecordingListener  # type: ignore[misc]
    pool_module.check_workflow = lambda *_: Report()  # the server itself is to refuse
    system = Transport(url).get("/system_stats").document()["system"]
    with tempfile.TemporaryDirectory() as folder:
        records = {name: record(url, name, Path(folder)) for name in GRAPH_CHANGES}
    nodes = {node["class_type"] for node in json.loads((SHIPPED / "example.json").read_text()).values()}
    described = {kind: Transport(url).get(f"/object_info/{kind}").document()[kind]["input"] for kind in sorted(nodes)}
    for name in ("image", "audio"):  # the names of the operator's own files
        rule = described[f"Load{name.title()}"]["required"][name]
        described[f"Load{name.title()}"]["required"][name] = [[], {f"{name}_upload": rule[1].get(f"{name}_upload", False)}]
    version = str(system["comfyui_version"])
    content = {"version": version, "nodes": json.loads(json.dumps(described), object_hook=_kept), "records": records}
    Path(f"tests/recorded/comfyui-{version}.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
