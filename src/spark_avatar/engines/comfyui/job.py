"""One job on one server: handed over, followed to its end by polling, cancelled when it is no longer wanted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from spark_avatar.engines.comfyui.client import Graph, Refused
from spark_avatar.engines.comfyui.notes import JobNote, JobNotes
from spark_avatar.engines.comfyui.pool import FAULTS, Server
from spark_avatar.engines.comfyui.progress import ProgressListener
from spark_avatar.engines.engine import RenderMonitor
from spark_avatar.engines.transport import Malformed, Unreachable
from spark_avatar.errors import SparkAvatarError, StatusCheckError, TaskCreationError

_MISSED_POLLS: Final = 4
"""A job that is in neither queue nor history so many times in a row is lost: the server was started anew, or it was deleted.
Once or twice it may be on its way from one to the other."""
_FAILED_POLLS: Final = 5
_SLOWER: Final = 1.5
_SLOWEST_SECONDS: Final = 10.0
_CHECK_SECONDS: Final = 0.25
"""Between looks whether the job is still wanted."""
_SHOWN_FAULTS: Final = 3

_log = logging.getLogger(__name__)


class TryElsewhere(Exception):
    """The job cannot end on this server, but may on another one."""

    def __init__(self, error: SparkAvatarError, *, may_have_run: bool, servers_fault: bool = True) -> None:
        super().__init__(str(error))
        self.error = error
        """What to tell when there is no other server."""
        self.may_have_run = may_have_run
        self.servers_fault = servers_fault
        """Whether other jobs are likely to fail there too."""


class RemoteJob:
    """A job of ours on a server. `run` and `resume` bring it to its end; whatever ends it early cancels it there, unless
    another attempt at the task will take it up.
    """

    def __init__(
        self, server: Server, note: JobNote, notes: JobNotes, *, deadline: float, poll_seconds: float, silent_seconds: float
    ) -> None:
        """`deadline` is of the monotonic clock."""
        self._server = server
        self._client = server.client
        self._note = note
        self._notes = notes
        self._deadline = deadline
        self._poll_seconds = poll_seconds
        self._silent_seconds = silent_seconds

    @property
    def prompt_id(self) -> str:
        """Under which the server knows the job."""
        return self._note.prompt_id

    def run(self, graph: Graph, output_node: str | None, monitor: RenderMonitor) -> Mapping[str, Any]:
        """Hands the job over and returns its record in the server's history.

        Raises `TryElsewhere`, `TaskCreationError` when the server refuses a part of the workflow, `StatusCheckError` when
        the deadline has passed, and what the monitor raises.
        """
        self._notes.write(self._note)  # before the server knows it: a worker that dies in between leaves no unknown job
        return self._to_its_end(lambda: self._submit(graph, output_node), len(graph), monitor)

    def resume(self, nodes: int, monitor: RenderMonitor) -> Mapping[str, Any]:
        """Follows a job that an earlier attempt handed over, or was about to; `nodes` is how many its workflow has. Raises
        `TryElsewhere` when the server does not know it, and else as `run`.
        """
        return self._to_its_end(self._identify, nodes, monitor)

    def _to_its_end(self, begin: Callable[[], None], nodes: int, monitor: RenderMonitor) -> Mapping[str, Any]:
        address, headers = self._server.address, self._client.transport.headers
        with ProgressListener(address.url, headers, self._note.client_id, nodes) as listener:
            try:
                begin()
                return self._follow(lambda: listener.fraction, monitor)
            except BaseException as error:
                unwanted = not isinstance(error, TryElsewhere) or error.may_have_run
                if unwanted and not self._notes.notebook.continues(error):
                    self._cancel()
                raise

    def _identify(self) -> None:
        """Older servers choose the ids of the jobs themselves: while it waits or runs, the queue tells."""
        with suppress(*FAULTS):
            self._is_called(self._client.queue().clients.get(self._note.client_id, self.prompt_id))

    def _is_called(self, prompt_id: str) -> None:
        if prompt_id != self.prompt_id:
            self._note = replace(self._note, prompt_id=prompt_id)
            self._notes.write(self._note)

    def _submit(self, graph: Graph, output_node: str | None) -> None:
        try:
            answer = self._client.submit(graph, client_id=self._note.client_id, prompt_id=self.prompt_id)
        except Refused as refused:
            trouble = refused.reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            raise TryElsewhere(TaskCreationError(_refusal(refused)), may_have_run=False, servers_fault=trouble) from refused
        except (Unreachable, Malformed) as fault:
            if isinstance(fault, Unreachable) and not fault.sent:
                reason = TaskCreationError(f"The job could not be handed to ComfyUI server {self._server.number}: {fault}.")
                raise TryElsewhere(reason, may_have_run=False) from fault
            self._find_again(fault)
            return
        given = answer.get("prompt_id")
        if isinstance(given, str) and given:
            self._is_called(given)
        faults = answer.get("node_errors")
        if isinstance(faults, dict) and _touches(faults, output_node):
            raise TaskCreationError(f"ComfyUI refuses a part of the workflow: {_node_faults(faults)}.")

    def _find_again(self, fault: Exception) -> None:
        """The answer to the hand-over is lost, the job perhaps not: it is looked for, never sent twice."""
        for _ in range(_MISSED_POLLS):
            time.sleep(self._poll_seconds)
            self._identify()
            with suppress(*FAULTS):
                if self._under_way(self.prompt_id) or self._record() is not None:
                    return
        reason = TaskCreationError(f"ComfyUI server {self._server.number} did not say whether it took the job: {fault}.")
        raise TryElsewhere(reason, may_have_run=True) from fault

    def _follow(self, fraction: Callable[[], float], monitor: RenderMonitor) -> Mapping[str, Any]:
        missed = failed = 0
        heard = time.monotonic()
        pause = self._poll_seconds
        while True:
            self._wait(pause, fraction, monitor)
            try:
                under_way = self._under_way(self.prompt_id)  # first: what leaves the queue afterwards is in the history
                record = self._record()
            except FAULTS as fault:
                failed, pause = failed + 1, min(pause * _SLOWER, max(_SLOWEST_SECONDS, self._poll_seconds))
                mute = isinstance(fault, Unreachable) and fault.sent
                silent = time.monotonic() - heard >= self._silent_seconds
                if silent if mute else failed >= _FAILED_POLLS:
                    raise self._lost(f"ComfyUI server {self._server.number} does not tell how the job stands: {fault}") from fault
                continue
            failed, pause, heard = 0, self._poll_seconds, time.monotonic()
            if record is not None:
                return record
            missed = 0 if under_way else missed + 1
            if missed >= _MISSED_POLLS:
                raise self._lost(f"ComfyUI server {self._server.number} no longer knows the job: it was started anew, or lost it")

    def _wait(self, seconds: float, fraction: Callable[[], float], monitor: RenderMonitor) -> None:
        """Between two polls. Raises `StatusCheckError` when the job has had its time."""
        until = time.monotonic() + seconds
        while True:
            monitor.checkpoint()
            monitor.progress(fraction(), "rendering")
            now = time.monotonic()
            if now > self._deadline:
                raise StatusCheckError("The job took longer than it may on a ComfyUI server, and was cancelled there.")
            if now >= until:
                return
            time.sleep(min(_CHECK_SECONDS, until - now))

    def _under_way(self, prompt_id: str) -> bool:
        if self._client.has_jobs():
            job = self._client.job(prompt_id)
            return job is not None and job.get("status") in ("pending", "in_progress")
        queue = self._client.queue()
        return prompt_id in queue.running or prompt_id in queue.pending

    def _record(self) -> Mapping[str, Any] | None:
        return self._client.history(self.prompt_id)

    def _lost(self, reason: str) -> TryElsewhere:
        return TryElsewhere(StatusCheckError(f"{reason}."), may_have_run=True)

    def _cancel(self) -> None:
        """Frees the server of the job. The reason why the job ends is more important than a fault in this."""
        try:
            self._client.cancel(self.prompt_id)
        except FAULTS as fault:
            _log.warning("a ComfyUI job could not be cancelled", extra={"job": self.prompt_id, "fault": str(fault)})


def _touches(faults: Mapping[str, Any], output_node: str | None) -> bool:
    """Whether the output that is wanted is among those that a 200 with `node_errors` leaves out."""
    if not faults or output_node is None:
        return bool(faults)
    return any(output_node == node or output_node in _listed(fault, "dependent_outputs") for node, fault in faults.items())


def _refusal(refused: Refused) -> str:
    """What a refused hand-over says: the faults of the nodes, else the error as a whole."""
    try:
        answer = refused.reply.document()
    except Malformed:
        return f"ComfyUI refused the job with HTTP {refused.reply.status}."
    error, faults = answer.get("error"), answer.get("node_errors")
    if isinstance(faults, dict) and faults:
        return f"ComfyUI refused the workflow: {_node_faults(faults)}."
    message = error.get("message") if isinstance(error, dict) else error
    return f"ComfyUI refused the workflow: {str(message).rstrip('.')[:300]}." if message else f"ComfyUI answered {refused}."


def _node_faults(faults: Mapping[str, Any]) -> str:
    """The first faults, each with its node; the details may show values of ours, but no more than that."""
    told = [
        f"{fault.get('class_type', 'a node')}: {error.get('message', '')} ({str(error.get('details', ''))[:120]})"
        for fault in faults.values()
        if isinstance(fault, dict)
        for error in _listed(fault, "errors")
        if isinstance(error, dict)
    ]
    return "; ".join(told[:_SHOWN_FAULTS]) or "it does not say why"


def _listed(fault: object, name: str) -> list[Any]:
    """A list in an answer; empty where it is missing, or is something else."""
    found = fault.get(name) if isinstance(fault, dict) else None
    return found if isinstance(found, list) else []
