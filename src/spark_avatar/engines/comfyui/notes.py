"""Which job a task has on which server: noted before the job is handed over, so that the next attempt finds it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from spark_avatar.engines.notebook import Notebook

CLIENT_PREFIX = "spark-avatar-"
"""Of the client ids of all our jobs: by it the queues of the servers tell how many of theirs are ours."""


@dataclass(frozen=True)
class JobNote:
    """A job that was, or is about to be, handed over."""

    server: str
    """Its address."""
    prompt_id: str
    client_id: str
    """Of this job alone: the server tells the progress to whoever has it, and lists it beside the job. Servers that choose
    the prompt ids themselves are asked by it.
    """
    repeated: bool
    """Whether an earlier job of the task may have run."""

    @classmethod
    def new(cls, server: str, *, repeated: bool) -> JobNote:
        """A job with ids of its own."""
        return cls(server, str(uuid.uuid4()), CLIENT_PREFIX + uuid.uuid4().hex, repeated)


@dataclass(frozen=True)
class JobNotes:
    """The part of a task's notebook that is one engine's."""

    notebook: Notebook
    engine: str

    def read(self) -> JobNote | None:
        """The job of an earlier attempt."""
        found = self.notebook.read(self.engine)
        if not found:
            return None
        return JobNote(found["server"], found["prompt_id"], found["client_id"], bool(found["repeated"]))

    def write(self, note: JobNote) -> None:
        """Raises `Canceled` when the attempt is void."""
        self.notebook.write(
            self.engine,
            {
                "server": note.server,
                "prompt_id": note.prompt_id,
                "client_id": note.client_id,
                "repeated": "yes" if note.repeated else "",
            },
        )
