"""A stand-in for a ComfyUI server, on a real socket: it answers in the shapes of version 0.3.64, and misbehaves as told.

It runs a queue like the original: one job at a time, ids and history in memory only, uploads that get another name when theirs
is taken, an interrupt that says 200 to everything. Instead of nodes it has `make`, which writes the result's bytes.
"""

import base64
import hashlib
import json
import re
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NODES = {
    "LoadImage": {"required": {"image": [[], {"image_upload": True}]}},
    "LoadAudio": {"required": {"audio": [[], {"audio_upload": True}]}},
    "ImageScale": {
        "required": {
            "image": ["IMAGE"],
            "upscale_method": [["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]],
            "width": ["INT", {"default": 512}],
            "height": ["INT", {"default": 512}],
            "crop": [["disabled", "center"]],
        }
    },
    "RepeatImageBatch": {"required": {"image": ["IMAGE"], "amount": ["INT", {"default": 1, "min": 1, "max": 4096}]}},
    "CreateVideo": {"required": {"images": ["IMAGE"], "fps": ["FLOAT", {"default": 30.0}]}, "optional": {"audio": ["AUDIO"]}},
    "SaveVideo": {
        "required": {
            "video": ["VIDEO"],
            "filename_prefix": ["STRING", {}],
            "format": ["COMBO", {"options": ["auto", "mp4"]}],
            "codec": ["COMBO", {"options": ["auto", "h264"]}],
        }
    },
}
Output = dict[str, list[dict[str, object]]]


@dataclass
class Job:
    number: int
    id: str
    graph: dict
    client: str
    over: threading.Event = field(default_factory=threading.Event)
    interrupted: bool = False

    def stop(self) -> None:
        self.interrupted = True
        self.over.set()

    def item(self) -> list:
        return [self.number, self.id, self.graph, {"client_id": self.client}, ["6"]]


@dataclass
class ComfyServer:
    """What it knows, and how it behaves."""

    make: Callable[[dict, dict[str, bytes]], bytes]
    """Graph and uploads -> the video."""
    seconds: float = 0.0
    """How long a job runs."""
    nodes: dict[str, dict] = field(default_factory=lambda: dict(NODES))
    faults: dict[str, Callable[["Handler"], None]] = field(default_factory=dict)
    """By `METHOD /path` without the id: answers instead of the server."""
    outputs: Callable[[str], Output] | None = None
    """What the output node lists, given the file's name; by default the video, under `images`."""
    error: dict | None = None
    """What `execution_error` says, when every job is to fail."""
    jobs_api: bool = False
    answer_extra: dict = field(default_factory=dict)
    """Goes into the answer to POST /prompt."""

    def __post_init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[dict] = []
        self.uploads: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.sockets: dict[str, socket.socket] = {}
        self.interrupted: list[str] = []
        self.deleted: list[str] = []
        self.number = 0
        self.url = ""
        self.lock = threading.RLock()
        self.connections: set[socket.socket] = set()
        self.server: ThreadingHTTPServer | None = None
        self.forget()

    def forget(self) -> None:
        """What a restart does to queue and history."""
        with self.lock:
            for job in [*getattr(self, "pending", []), *filter(None, [getattr(self, "running", None)])]:
                job.stop()
            self.pending: list[Job] = []
            self.running: Job | None = None
            self.history: dict[str, dict] = {}

    def end_running(self) -> None:
        """The job that runs comes to its end now, and well."""
        with self.lock:
            assert self.running is not None
            self.running.over.set()

    def die(self) -> None:
        """As kill -9: every connection breaks, none is taken."""
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.forget()

    def tell(self, client: str, kind: str, data: dict) -> None:
        connection = self.sockets.get(client)
        if connection is not None:
            body = json.dumps({"type": kind, "data": data}).encode()
            size = bytes([len(body)]) if len(body) < 126 else b"\x7e" + struct.pack(">H", len(body))
            with suppress(OSError):
                connection.sendall(b"\x81" + size + body)

    def submit(self, body: dict) -> dict:
        with self.lock:
            job = Job(self.number, body.get("prompt_id") or str(uuid.uuid4()), body["prompt"], body.get("client_id", ""))
            self.number += 1
            self.pending.append(job)
            self._next()
        return {"prompt_id": job.id, "number": job.number, "node_errors": {}, **self.answer_extra}

    def _next(self) -> None:
        if self.running is None and self.pending:
            self.running = self.pending.pop(0)
            threading.Thread(target=self._run, args=(self.running,), daemon=True).start()

    def _run(self, job: Job) -> None:
        started = int(time.time() * 1000)
        messages = [["execution_start", {"prompt_id": job.id, "timestamp": started}]]
        outputs: dict = {}
        steps = 5
        for step in range(steps):
            self.tell(job.client, "progress", {"value": step + 1, "max": steps, "prompt_id": job.id, "node": "4"})
            if job.over.wait(self.seconds / steps):
                break
        ended = {"prompt_id": job.id, "timestamp": started + int(self.seconds * 1000) + 250}
        if job.interrupted:
            messages.append(["execution_interrupted", {**ended, "node_id": "4", "node_type": "RepeatImageBatch", "executed": []}])
        elif self.error is not None:
            messages.append(["execution_error", {**ended, **self.error}])
        else:
            name = job.graph["6"]["inputs"]["filename_prefix"].rpartition("/")[2] + "_00001_.mp4"
            self.files[name] = self.make(job.graph, self.uploads)
            listed = {"images": [{"filename": name, "subfolder": "spark-avatar", "type": "output"}], "animated": [True]}
            outputs = {"6": self.outputs(name) if self.outputs else listed}
            messages.append(["execution_success", ended])
        fine = messages[-1][0] == "execution_success"
        status = {"status_str": "success" if fine else "error", "completed": fine, "messages": messages}
        with self.lock:
            if self.running is job:
                self.history[job.id] = {"prompt": job.item(), "outputs": outputs, "status": status, "meta": {}}
                self.running = None
                self._next()

    def queue(self) -> dict:
        with self.lock:
            running = [self.running.item()] if self.running else []
            return {"queue_running": running, "queue_pending": [job.item() for job in self.pending]}

    def delete(self, ids: list[str]) -> None:
        with self.lock:
            self.deleted += [job.id for job in self.pending if job.id in ids]
            self.pending = [job for job in self.pending if job.id not in ids]

    def interrupt(self, prompt_id: str | None) -> None:
        with self.lock:
            if self.running and prompt_id in (None, self.running.id):
                self.interrupted.append(self.running.id)
                self.running.stop()

    def job(self, prompt_id: str) -> dict | None:
        with self.lock:
            if self.running and self.running.id == prompt_id:
                return {"id": prompt_id, "status": "in_progress"}
            if any(job.id == prompt_id for job in self.pending):
                return {"id": prompt_id, "status": "pending"}
            ended = self.history.get(prompt_id)
            return ended and {"id": prompt_id, "status": "completed" if ended["status"]["completed"] else "failed"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    comfy: ComfyServer

    def setup(self) -> None:
        super().setup()
        self.comfy.connections.add(self.connection)

    def finish(self) -> None:
        self.comfy.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, body: object = b"", status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json")
        for name, value in {"Content-Length": str(len(content)), **{k.replace("_", "-"): v for k, v in headers.items()}}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def hang(self) -> None:
        while self.comfy.server is not None:
            time.sleep(0.05)

    def handle_any(self) -> None:
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path
        self.comfy.requests.append((self.command, self.path, dict(self.headers)))
        first = "/" + path.strip("/").split("/")[0]
        key = f"{self.command} {'/api/jobs' if path.startswith('/api/jobs') else first}"
        self.last = path.rpartition("/")[2]
        fault = self.comfy.faults.get(key)
        with suppress(OSError):
            (fault or ROUTES.get(key, Handler.nothing))(self)
        if fault is not None:
            self.close_connection = True

    do_GET = do_POST = handle_any

    def nothing(self) -> None:
        self.reply(b"" if self.command == "GET" else b"405: Method Not Allowed", 404 if self.command == "GET" else 405)

    def system_stats(self) -> None:
        self.reply({"system": {"comfyui_version": "0.3.64", "os": "posix"}, "devices": [{"name": "cpu", "type": "cpu"}]})

    def object_info(self) -> None:
        found = self.comfy.nodes.get(self.last)
        self.reply({self.last: {"input": found, "name": self.last}} if found else {})

    def upload(self) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        for part in BytesParser().parsebytes(head + self.content).get_payload():
            if part.get_param("name", header="content-disposition") == "image":
                name, content = part.get_filename(), part.get_payload(decode=True)
                while name in self.comfy.uploads:
                    name = re.sub(r"(\.\w+)$", r" (1)\1", name)
                self.comfy.uploads[name] = content
                self.reply({"name": name, "subfolder": "", "type": "input"})
                return
        self.reply(b"", 400)

    def prompt(self) -> None:
        body = json.loads(self.content)
        self.comfy.bodies.append(body)
        for key, node in body["prompt"].items():
            if node["class_type"] not in self.comfy.nodes:
                message = f"Cannot execute because node {node['class_type']} does not exist."
                error = {"type": "invalid_prompt", "message": message, "details": f"Node ID '#{key}'", "extra_info": {}}
                self.reply({"error": error, "node_errors": {}}, 400)
                return
        self.reply(self.comfy.submit(body))

    def get_queue(self) -> None:
        self.reply(self.comfy.queue())

    def post_queue(self) -> None:
        self.comfy.delete(json.loads(self.content).get("delete", []))
        self.reply()

    def interrupt(self) -> None:
        self.comfy.interrupt(json.loads(self.content or b"{}").get("prompt_id"))
        self.reply()

    def get_history(self) -> None:
        found = self.comfy.history.get(self.last)
        self.reply({self.last: found} if found else {})

    def view(self) -> None:
        content = self.comfy.files.get(self.query["filename"])
        self.reply(b"", 404) if content is None else self.reply(content)

    def get_jobs(self) -> None:
        if not self.comfy.jobs_api:
            self.nothing()
        elif self.last == "jobs":
            self.reply({"jobs": []})
        else:
            found = self.comfy.job(self.last)
            self.reply(found) if found else self.reply({"error": "Job not found"}, 404)

    def post_jobs(self) -> None:
        if not self.comfy.jobs_api:
            self.nothing()
            return
        prompt_id = self.path.split("/")[-2]
        self.comfy.delete([prompt_id])
        self.comfy.interrupt(prompt_id)
        self.reply({"cancelled": True})

    def websocket(self) -> None:
        accept = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "upgrade")):
            self.send_header(name, value)
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        self.end_headers()
        client = self.query["clientId"]
        self.comfy.sockets[client] = self.connection
        self.comfy.tell(client, "status", {"status": {"exec_info": {"queue_remaining": 0}}, "sid": client})
        while self.rfile.read(1):
            pass
        self.close_connection = True


ROUTES = {
    "GET /system_stats": Handler.system_stats,
    "GET /object_info": Handler.object_info,
    "POST /upload": Handler.upload,
    "POST /prompt": Handler.prompt,
    "GET /queue": Handler.get_queue,
    "POST /queue": Handler.post_queue,
    "POST /interrupt": Handler.interrupt,
    "GET /history": Handler.get_history,
    "GET /view": Handler.view,
    "GET /api/jobs": Handler.get_jobs,
    "POST /api/jobs": Handler.post_jobs,
    "GET /ws": Handler.websocket,
}


@contextmanager
def running(comfy: ComfyServer) -> Iterator[ComfyServer]:
    """Listens on 127.0.0.1 until the block ends."""

    class Bound(Handler):
        pass

    Bound.comfy = comfy

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Bound)
    comfy.server = server
    comfy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield comfy
    finally:
        comfy.die()
        comfy.server = None
        thread.join(5)
