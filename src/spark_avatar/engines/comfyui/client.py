"""ComfyUI's server API, call by call. https://docs.comfy.org/development/comfyui-server/comms_routes.

What a call does not say by its status, its users are told here: an unknown prompt id is 200 with `{}`, an interrupt is 200
whatever it hit, an unknown route is 404 with an empty body. Faults come as `Unreachable` and `Malformed` of the transport and
`Refused`; which error of ours they are depends on the step of the job, so that is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from spark_avatar.engines.transport import Malformed, Reply, Transport

Graph = dict[str, dict[str, Any]]
"""A workflow in API format: node id -> `class_type`, `inputs`."""
_PROBE_SECONDS = 5.0


class Refused(Exception):
    """The server answered with a status that is not a success."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP {reply.status}")
        self.reply = reply


@dataclass(frozen=True)
class RemoteFile:
    """A file on the server, as outputs list it."""

    filename: str
    subfolder: str
    kind: str
    """`output`, `temp` or `input`."""


@dataclass(frozen=True)
class QueueFacts:
    """What waits and runs on a server."""

    running: frozenset[str]
    pending: frozenset[str]
    """Prompt ids."""
    clients: Mapping[str, str]
    """Client id -> prompt id, of both."""

    def __len__(self) -> int:
        return len(self.running) + len(self.pending)


class ComfyClient:
    """One server. Safe to use from several threads."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._has_jobs: bool | None = None

    def system_stats(self) -> dict[str, Any]:
        """Version and devices. Also the cheapest sign of life."""
        return _object(self.transport.get("/system_stats", seconds=_PROBE_SECONDS))

    def node_description(self, class_type: str) -> dict[str, Any] | None:
        """What a node takes; None where the server does not have it."""
        found = _object(self.transport.get(f"/object_info/{quote(class_type, safe='')}"))
        description = found.get(class_type)
        return description if isinstance(description, dict) else None

    def upload(self, file: Path, name: str, media_type: str) -> str:
        """Puts a picture, a recording or a video among the inputs; returns the name by which a node finds it, which need not
        be the one that was asked for.
        """
        fields = {"type": "input", "overwrite": "true"}
        reply = self.transport.upload("/upload/image", part="image", name=name, media_type=media_type, file=file, fields=fields)
        stored = _object(reply)
        kept, subfolder = stored.get("name"), stored.get("subfolder") or ""
        if not isinstance(kept, str) or not kept or not isinstance(subfolder, str):
            raise Malformed("it does not name the uploaded file")
        return f"{subfolder}/{kept}" if subfolder else kept

    def submit(self, graph: Graph, *, client_id: str, prompt_id: str) -> dict[str, Any]:
        """Queues a job and returns the answer, which may carry `node_errors` though it is a success."""
        body = {"prompt": graph, "client_id": client_id, "prompt_id": prompt_id}
        return _object(self.transport.post("/prompt", content=body))

    def queue(self) -> QueueFacts:
        """The jobs under way."""
        found = _object(self.transport.get("/queue"))
        running, pending = found.get("queue_running"), found.get("queue_pending")
        if not isinstance(running, list) or not isinstance(pending, list):
            raise Malformed("it does not list its queue")
        clients = {client: prompt for item in (*running, *pending) for client, prompt in [_owner(item)] if client and prompt}
        return QueueFacts(_ids(running), _ids(pending), clients)

    def history(self, prompt_id: str) -> dict[str, Any] | None:
        """The record of a job that has ended; None while it has not, and for unknown ones."""
        found = _object(self.transport.get(f"/history/{quote(prompt_id, safe='')}"))
        if not found:
            return None
        record = found.get(prompt_id)
        if not isinstance(record, dict):
            raise Malformed("its history is of another shape")
        return record

    def job(self, prompt_id: str) -> dict[str, Any] | None:
        """The job as newer servers (0.5 and later) tell it at once; None where it is unknown. Ask `has_jobs` first."""
        reply = self.transport.get(f"/api/jobs/{quote(prompt_id, safe='')}")
        return None if reply.status == 404 else _object(reply)

    def has_jobs(self) -> bool:
        """Whether the server has `/api/jobs`."""
        if self._has_jobs is None:
            reply = self.transport.get("/api/jobs", params={"limit": "1"})
            self._has_jobs = reply.fine and reply.body.lstrip()[:1] == b"{"
        return self._has_jobs

    def cancel(self, prompt_id: str) -> None:
        """Ends a job, waiting or running. The server says the same whether it had an effect or not."""
        if self.has_jobs() and self.transport.post(f"/api/jobs/{quote(prompt_id, safe='')}/cancel").fine:
            return
        if prompt_id in self.queue().pending:
            self.transport.post("/queue", content={"delete": [prompt_id]})
        if prompt_id in self.queue().running:  # also where it has just been taken from the queue
            self.transport.post("/interrupt", content={"prompt_id": prompt_id})

    @staticmethod
    def view_path(file: RemoteFile) -> str:
        """Where the transport finds a file of the outputs."""
        query = "&".join(
            f"{name}={quote(value, safe='')}"
            for name, value in (("filename", file.filename), ("subfolder", file.subfolder), ("type", file.kind))
        )
        return f"/view?{query}"


def _object(reply: Reply) -> dict[str, Any]:
    if not reply.fine:
        raise Refused(reply)
    return reply.document()


def _ids(items: list[object]) -> frozenset[str]:
    """Items are lists: number, prompt id, workflow, extra data, output nodes."""
    return frozenset(str(item[1]) for item in items if isinstance(item, list) and len(item) > 1)


def _owner(item: object) -> tuple[str, str]:
    if isinstance(item, list) and len(item) > 3 and isinstance(item[3], dict):
        return str(item[3].get("client_id", "")), str(item[1])
    return "", ""
