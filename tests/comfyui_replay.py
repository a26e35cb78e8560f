"""A ComfyUI server that says what a real one said: the answers and messages in tests/recorded, on a real socket.

Only the ids and the names of uploads are those of the new job. Where there are several answers to one question (queue, history),
they come in their order, and the last one stays.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from comfyui_server import ComfyServer, Handler, running

RECORDINGS = sorted((Path(__file__).parent / "recorded").glob("comfyui-*.json"))


@contextmanager
def replaying(recording: Path, name: str, video: bytes) -> Iterator[ComfyServer]:
    """The server of a recording during its job `name`; whatever file is asked for, it is `video`."""
    content = json.loads(recording.read_text())
    comfy = ComfyServer(make=lambda _graph, _uploads: video, nodes=content["nodes"])
    replay = _Replay(content["records"][name], comfy)
    comfy.faults.update(dict.fromkeys(replay.answers.keys() - {"POST /prompt"}, replay.answer))
    comfy.faults |= {"POST /upload": Handler.upload, "POST /prompt": replay.submit, "GET /view": lambda it: it.reply(video)}
    with running(comfy):
        yield comfy


def messages(recording: Path, name: str) -> list[dict]:
    """What the websocket said during the job."""
    return [step["message"] for step in json.loads(recording.read_text())["records"][name] if "message" in step]


class _Replay:
    def __init__(self, steps: list[dict], comfy: ComfyServer) -> None:
        self.comfy = comfy
        self.answers: dict[str, list[dict]] = defaultdict(list)
        for step in steps:
            if "path" in step:
                self.answers[_key(step["method"], step["path"])].append(step)
        self.said: dict[str, str] = {}
        """What stands in the recording -> what stands in its place now."""

    def answer(self, handler: Handler) -> None:
        whole = handler.last == "jobs"
        found = [step for step in self.answers[_key(handler.command, handler.path)] if (step["path"] == "/api/jobs") is whole]
        step = found[0]
        if len(found) > 1:
            self.answers[_key(handler.command, handler.path)].remove(step)
        self._reply(handler, step)

    def submit(self, handler: Handler) -> None:
        sent = json.loads(handler.content)
        self.comfy.bodies.append(sent)
        (step,) = self.answers["POST /prompt"]
        self.said[step["sent"]["client_id"]] = sent["client_id"]
        if "prompt_id" in step["body"]:
            self.said[step["body"]["prompt_id"]] = sent["prompt_id"]
        self._reply(handler, step)

    def _reply(self, handler: Handler, step: dict) -> None:
        text = step["body"] if isinstance(step["body"], str) else json.dumps(step["body"])
        for then, now in self.said.items():
            text = text.replace(then, now)
        handler.reply(text.encode(), step["status"])


def _key(method: str, path: str) -> str:
    """As the stand-in names its routes."""
    return f"{method} {'/api/jobs' if path.startswith('/api/jobs') else '/' + path.strip('/').split('/')[0].split('?')[0]}"
