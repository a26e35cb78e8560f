"""A stand-in for a server of our own contract, on a real socket, that misbehaves as told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class ContractServer:
    """What it answers; `polls` are the states of its one task, the last one for ever."""

    video: bytes
    polls: list[dict] = field(default_factory=lambda: [{"status": "in_progress", "progress": 0.4}, {"status": "completed"}])
    faults: dict[str, Callable[["ContractHandler"], None]] = field(default_factory=dict)
    """By method and last part of the path that is not an id: `POST files`, `POST generation`, `GET task`, `GET video`, ..."""
    url: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[dict] = field(default_factory=list)

    def task(self) -> dict:
        state = self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]
        task = {"id": "far-1", "model": "m", "created_at": 1, "metadata": {"engine": "portrait", "face": {"faces": 1}}, **state}
        if task["status"] == "completed" and "output" not in task:
            content = {"type": "video", "url": f"{self.url}/video", "size": len(self.video), "jobId": "deep", "duration": "1.0"}
            task["output"] = [{"content": [content]}]
            task["usage"] = {"cost": "0.0420", "discount": 1.0, "total_tokens": 31}
        return task

    def asked(self, method: str) -> list[str]:
        return [path for verb, path, _ in self.requests if verb == method]


class ContractHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    far: ContractServer

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, body: object, status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **{k.replace("_", "-"): v for k, v in headers.items()}}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def handle_any(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.far.requests.append((self.command, self.path, dict(self.headers)))
        place = self.path.removesuffix("/far-1").rpartition("/")[2]
        key = f"{self.command} {place}"
        if key == "POST generation":
            self.far.bodies.append(json.loads(content))
        with suppress(OSError):
            if key in self.far.faults:
                self.close_connection = True
                self.far.faults[key](self)
            elif key == "POST files":
                self.reply({"url": f"https://store.example/{len(self.far.requests)}"})
            elif key in ("POST generation", "GET task"):
                self.reply(self.far.task() if key == "GET task" else {"id": "far-1", "status": "in_progress"})
            elif key == "GET video":
                self.reply(self.far.video)
            elif key in ("DELETE task", "PUT cancel"):
                self.reply({})
            else:
                self.reply({}, 404)

    do_GET = do_POST = do_DELETE = do_PUT = handle_any


@contextmanager
def contract_server(video: bytes) -> Iterator[ContractServer]:
    far = ContractServer(video)

    class Bound(ContractHandler):
        pass

    Bound.far = far
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    far.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield far
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
