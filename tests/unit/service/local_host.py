"""A host on this machine that answers as the tests want: well, badly, slowly, or not in HTTP at all."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Send = Callable[[bytes], None]
Answer = Callable[[Send], None]


def response(body: bytes = b"", status: str = "200 OK", **headers: str) -> Answer:
    """An ordinary answer."""
    lines = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return lambda send: send(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)


@dataclass
class Host:
    """What it answers by path, and what it was asked."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """Heads of the requests, as they came."""
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@contextmanager
def local_host(tls: ssl.SSLContext | None = None) -> Iterator[Host]:
    """Listens on 127.0.0.1 until the block ends."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            with suppress(OSError):
                connection = self.request if tls is None else tls.wrap_socket(self.request, server_side=True)
                while b"\r\n\r\n" not in head:
                    chunk = connection.recv(4096)
                    if not chunk:
                        return
                    head += chunk
                host.requests.append(head.decode())
                path = head.split(b" ")[1].decode()
                host.answers.get(path, response(b"nothing here", "404 Not Found"))(connection.sendall)
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        host = Host(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield host
        finally:
            host.over.set()
            server.shutdown()
            thread.join()
