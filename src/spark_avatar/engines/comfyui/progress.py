"""Progress of a job from the server's websocket. Nothing depends on it: it may be absent, break off, or say too little."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

_CONNECT_SECONDS: Final = 5.0
_LISTEN_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 3.0
_MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Previews of pictures come in between, and are thrown away."""

_log = logging.getLogger(__name__)


class ProgressListener:
    """Listens in a thread of its own while its block runs; connects again when it is cut off."""

    def __init__(self, base_url: str, headers: Mapping[str, str], client_id: str, nodes: int) -> None:
        """`nodes` is how many nodes the workflow has."""
        self._url, self._headers = base_url, dict(headers)
        self._path = f"/ws?clientId={quote(client_id, safe='')}"
        self._nodes = max(1, nodes)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="comfyui-progress", daemon=True)
        self._shares: dict[str, float] = {}
        self.fraction = 0.0
        """0..1, never less than before."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()  # the thread ends by itself: nobody waits for a server that does not say goodbye

    def take(self, message: str) -> None:
        """Reads one message."""
        try:
            content = json.loads(message)
            kind, data = content["type"], content["data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if not isinstance(data, dict):
            return
        if kind == "progress_state" and isinstance(data.get("nodes"), dict):
            for node, state in data["nodes"].items():
                self._note(node, state)
        elif kind == "progress":
            self._note(str(data.get("node")), data)
        elif kind == "execution_cached" and isinstance(data.get("nodes"), list):
            self._shares.update(dict.fromkeys(map(str, data["nodes"]), 1.0))
        elif kind == "executed":
            self._shares[str(data.get("node"))] = 1.0
        self.fraction = max(self.fraction, min(1.0, sum(self._shares.values()) / self._nodes))

    def _note(self, node: str, state: Any) -> None:
        if not isinstance(state, dict):
            return
        value, most = state.get("value"), state.get("max")
        if isinstance(value, (int, float)) and isinstance(most, (int, float)) and most > 0:
            self._shares[node] = max(self._shares.get(node, 0.0), min(1.0, value / most))
        if state.get("state") == "finished":
            self._shares[node] = 1.0

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                self._hear()
            except (OSError, WebSocketException, ValueError, ArithmeticError) as error:
                _log.debug("the progress socket broke off", extra={"fault": type(error).__name__})
            self._over.wait(_AGAIN_SECONDS)

    def _hear(self) -> None:
        with self._connect() as connection:
            while not self._over.is_set():
                try:
                    message = connection.recv(timeout=_LISTEN_SECONDS)
                except TimeoutError:
                    continue
                if isinstance(message, str):
                    self.take(message)

    def _connect(self) -> ClientConnection:
        """Over a socket that is connected already: then no redirect can carry the headers to another host."""
        parts = urlsplit(self._url)
        assert parts.hostname is not None
        secure = parts.scheme == "https"
        connected = socket.create_connection((parts.hostname, parts.port or (443 if secure else 80)), _CONNECT_SECONDS)
        try:
            return connect(
                f"{'wss' if secure else 'ws'}://{parts.netloc}{parts.path}{self._path}",
                sock=connected,
                additional_headers=self._headers,
                compression=None,
                open_timeout=_CONNECT_SECONDS,
                close_timeout=1.0,
                max_size=_MAX_MESSAGE_BYTES,
                proxy=None,
            )
        except BaseException:
            connected.close()
            raise
