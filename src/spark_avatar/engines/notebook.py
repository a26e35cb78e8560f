"""What an engine notes of a job that it has elsewhere, so that the next attempt at the task takes that job up."""

from collections.abc import Mapping
from typing import Protocol


class Notebook(Protocol):
    """One task's notes. They outlive the worker: what one attempt writes, the next one reads."""

    def read(self, engine: str) -> Mapping[str, str]:
        """What the engine wrote last; empty when it wrote nothing."""
        ...

    def write(self, engine: str, note: Mapping[str, str]) -> None:
        """Takes the place of what the engine wrote before; durable when it returns. Raises `Canceled` when the attempt is no
        longer the task's: then nothing must be handed over.
        """

    def continues(self, reason: BaseException) -> bool:
        """Whether another attempt follows this one, which `reason` ends: it will want the job that is under way."""
        ...


class NoNotebook:
    """For renders without a task behind them: nobody will ask again."""

    def read(self, engine: str) -> Mapping[str, str]:
        """Nothing."""
        del engine
        return {}

    def write(self, engine: str, note: Mapping[str, str]) -> None:
        """Forgets it."""

    def continues(self, reason: BaseException) -> bool:
        """No."""
        del reason
        return False
