"""Poor input that still works: told, never refused."""

from dataclasses import dataclass


@dataclass(frozen=True)
class QualityWarning:
    """One thing about an input that makes the result worse than it could be."""

    code: str
    """A stable word, e.g. `face_small`."""
    message: str
    """What was measured and what to change."""
