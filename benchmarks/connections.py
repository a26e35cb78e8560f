"""Connections to a server that cost the client next to nothing: what a general HTTP client takes of a small machine, the server
that is measured lacks.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import urlsplit

_MOST = 100
_LENGTH = b"\r\ncontent-length:"


class Connections:
    """HTTP/1.1 to one server over at most 100 connections, each of which is used again. Answers are read and thrown away."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        """`headers` go with every request."""
        address = urlsplit(url)
        self._place = address.hostname, address.port
        self._head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": address.netloc, **headers}.items())
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._free = asyncio.Semaphore(_MOST)

    async def __aenter__(self) -> "Connections":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for _, writer in self._idle:
            writer.close()
            await writer.wait_closed()

    async def get(self, path: str) -> None:
        """Raises `RuntimeError` for any status but 200."""
        await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def post(self, path: str, body: bytes, headers: str) -> None:
        """Sends JSON, with more headers, each of which ends its line. Raises `RuntimeError` for any status but 200."""
        about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        await self._ask(f"POST {path} HTTP/1.1\r\n{self._head}{about}{headers}\r\n".encode() + body)

    async def _ask(self, request: bytes) -> None:
        async with self._free:
            reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(*self._place)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
            answer = await reader.readexactly(int(length))
            self._idle.append((reader, writer))
        status = head.split(maxsplit=2)[1]
        if status != b"200":
            raise RuntimeError(f"the server answered {status.decode()}: {answer[:200]!r}")
