"""Another server of our own contract, call by call: upload, create, poll, cancel, download."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from spark_avatar.engines.remote_inputs import InputFile
from spark_avatar.engines.transport import Malformed, Reply, Transport, Unreachable
from spark_avatar.errors import (
    GenerationError,
    RemoteStatusError,
    ResultParsingError,
    SparkAvatarError,
    StatusCheckError,
    TaskCreationError,
)

CREATE_PATH: Final = "/model/v1/generation"
_CONTRACT_CODES: Final = "003016"
_BUSY: Final = (429, 503)
_TRIES: Final = 4
_FAILED_POLLS: Final = 6
_LONGEST_PAUSE: Final = 60.0
"""Seconds: a server that asks for more patience is asked again nevertheless."""
_MESSAGE_CHARACTERS: Final = 500

Pause = Callable[[float], None]
"""Waits, and raises when the job is no longer wanted."""


@dataclass(frozen=True)
class RemoteResult:
    """A completed task of the other server."""

    url: str
    usage: Mapping[str, Any]
    metadata: Mapping[str, Any]

    @property
    def compute_units(self) -> int:
        """What the other server says it spent."""
        units = self.usage.get("total_tokens")
        return units if isinstance(units, int) and units >= 0 else 0


@dataclass(frozen=True)
class RemoteClient:
    """One server. `pause` is called instead of sleeping."""

    transport: Transport
    model: str
    pause: Pause

    def upload(self, file: InputFile) -> str:
        """The address under which the server finds the file. Raises `RemoteStatusError`, `TaskCreationError`."""
        reply = self._patiently(
            lambda: self.transport.upload(
                "/api/v1/storage/files",
                part="file",
                name=file.path.name,
                media_type=file.media_type,
                file=file.path,
                fields={},
            ),
            "take the inputs",
        )
        if not reply.fine:
            raise RemoteStatusError(
                f"The remote server refused an input with HTTP {reply.status}: {_message(reply)}", facts={"status": reply.status}
            )
        try:
            url = reply.document().get("url")
        except Malformed as fault:
            raise TaskCreationError(f"The remote server's answer to the upload cannot be read: {fault}.") from fault
        if not isinstance(url, str) or not url:
            raise TaskCreationError("The remote server does not say where it put the upload.")
        return url

    def create(self, params: Mapping[str, object], *, key: str) -> str:
        """The id of the task. `key` makes it the same task however often it is sent, where the server knows idempotency keys.

        Raises the error that the server answers where it has a code of the contract, else `TaskCreationError`.
        """
        body = {"model": self.model, "input": [{"params": dict(params)}]}
        reply = self._patiently(
            lambda: self.transport.post(CREATE_PATH, content=body, headers={"Idempotency-Key": key}), "take the task"
        )
        if not reply.fine:
            raise _answered_error(reply)
        try:
            task_id = reply.document().get("id")
        except Malformed as fault:
            raise TaskCreationError(f"The remote server's answer to the task cannot be read: {fault}.") from fault
        if not isinstance(task_id, str) or not task_id:
            raise TaskCreationError("The remote server does not name the task that it made.")
        return task_id

    def look(self, task_id: str) -> Mapping[str, Any]:
        """The task as it stands, once. Raises `Unreachable`, `Malformed`, `Busy`, `TaskForgotten`."""
        reply = self.transport.get(f"{CREATE_PATH}/task/{quote(task_id, safe='')}")
        if reply.status in (401, 403, 404):
            raise TaskForgotten(f"The remote server no longer tells of the task: HTTP {reply.status}, {_message(reply)}")
        if not reply.fine:
            raise Busy(reply)
        task = reply.document()
        if task.get("status") not in ("in_progress", "completed", "failed"):
            raise Malformed("its task has no status that is known")
        return task

    def cancel(self, task_id: str) -> None:
        """Ends the task, by whichever way the server has. Raises `Unreachable`, `Malformed`."""
        task = quote(task_id, safe="")
        if not self.transport.post(f"{CREATE_PATH}/task/{task}", method="DELETE").fine:
            model = quote(self.model, safe="")
            self.transport.post(f"/model/v1/queue/{model}/requests/{task}/cancel", method="PUT")

    def _patiently(self, send: Callable[[], Reply], aim: str) -> Reply:
        """Sends again while the server says that it is busy, or where it surely was not reached. Never otherwise."""
        for number in range(_TRIES):
            last = number == _TRIES - 1
            try:
                reply = send()
            except Unreachable as fault:
                if fault.sent or last:
                    raise TaskCreationError(f"The remote server did not {aim}: {fault}.") from fault
                self.pause(backoff(number, None))
                continue
            except Malformed as fault:
                raise TaskCreationError(f"The remote server's answer cannot be read: {fault}.") from fault
            if reply.status not in _BUSY or last:
                return reply
            self.pause(backoff(number, reply.retry_after()))
        raise AssertionError("the last try returns or raises")


class TaskForgotten(StatusCheckError):
    """The server does not know the task, or does not tell this key of it."""


class Busy(Exception):
    """The server cannot answer now."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP {reply.status}")
        self.retry_after = reply.retry_after()


@dataclass
class Polling:
    """When to look next: slower while nothing changes, with jitter, as the server asks when it is busy."""

    first_seconds: float = 0.5
    slowest_seconds: float = 5.0
    failures: int = 0
    _looks: int = 0

    def succeeded(self) -> float:
        """Seconds to the next look."""
        self.failures = 0
        self._looks += 1
        return _jittered(min(self.slowest_seconds, self.first_seconds * 1.3 ** min(self._looks, 20)))

    def failed(self, fault: Exception) -> float:
        """Seconds to the next look. Raises `StatusCheckError` after too many failures in a row."""
        self.failures += 1
        if self.failures >= _FAILED_POLLS:
            raise StatusCheckError(f"The remote server does not tell how the task stands: {fault}.") from fault
        asked = fault.retry_after if isinstance(fault, Busy) else None
        return backoff(self.failures, asked, self.first_seconds)


def backoff(number: int, asked: float | None, first: float = 0.5) -> float:
    """Seconds before try `number` + 1: what the server asks for and a little more, as not all should come back at once; else
    twice as long each time, with jitter.
    """
    if asked is not None:
        return min(asked, _LONGEST_PAUSE) * random.uniform(1.0, 1.25)  # noqa: S311 - spreads the load, guards nothing
    return _jittered(min(first * 2.0**number, _LONGEST_PAUSE))


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - spreads the load, guards nothing


def read_result(task: Mapping[str, Any]) -> RemoteResult:
    """The first video of a completed task. Raises `ResultParsingError`."""
    outputs = task.get("output")
    for output in outputs if isinstance(outputs, list) else ():
        contents = output.get("content") if isinstance(output, dict) else None
        for content in contents if isinstance(contents, list) else ():
            url = content.get("url") if isinstance(content, dict) else None
            if isinstance(url, str) and url and content.get("type", "video") == "video":
                usage, metadata = task.get("usage"), task.get("metadata")
                return RemoteResult(url, usage if isinstance(usage, dict) else {}, metadata if isinstance(metadata, dict) else {})
    raise ResultParsingError("The remote server completed the task without a video.")


def task_error(task: Mapping[str, Any]) -> SparkAvatarError:
    """Why a failed task failed, with its own code where that is one of the contract."""
    found = task.get("error")
    error = found if isinstance(found, dict) else {}
    text = str(error.get("error_message") or error.get("message") or "The remote server failed without a reason.")
    return error_of(str(error.get("code", "")), text[:_MESSAGE_CHARACTERS])


def error_of(code: str, text: str) -> SparkAvatarError:
    """Our error for a code of the contract; `GenerationError` with that code where we have none of our own."""
    kinds = [SparkAvatarError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    own = (kind for kind in kinds[1:] if "code" in vars(kind) and code.startswith(_CONTRACT_CODES))
    known = next((kind for kind in own if kind.code == code), None)
    if known is not None:
        return known(text)
    error = GenerationError(text)
    if code.startswith(_CONTRACT_CODES):
        error.code = code
    return error


def _answered_error(reply: Reply) -> SparkAvatarError:
    """The error of a refused creation: the contract's codes as they are, all else is a task that could not be created."""
    try:
        found = reply.document().get("error")
    except Malformed:
        found = None
    code = str(found.get("code", "")) if isinstance(found, dict) else ""
    if code.startswith(_CONTRACT_CODES):
        return error_of(code, _message(reply))
    return TaskCreationError(f"The remote server refused the task with HTTP {reply.status}: {_message(reply)}")


def _message(reply: Reply) -> str:
    try:
        found = reply.document().get("message")
    except Malformed:
        found = None
    return str(found)[:_MESSAGE_CHARACTERS] if found else "it does not say why."
