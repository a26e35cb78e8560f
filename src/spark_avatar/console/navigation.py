"""The places of the console, in the order of the menu."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Place:
    """A page that the menu leads to. Its name is that of its icon, too."""

    name: str
    title: str
    path: str
    operators_only: bool = False


@dataclass(frozen=True)
class Group:
    """Places that belong together."""

    title: str
    places: tuple[Place, ...]


MENU: Final = (
    Group("", (Place("playground", "Playground", "/"), Place("tasks", "Tasks", "/tasks"))),
    Group("Workspace", (Place("usage", "Usage", "/usage"),)),
    Group("Reference", (Place("models", "Models", "/models"),)),
    Group("Server", (Place("system", "System", "/system", operators_only=True),)),
)


def menu_for(*, operator: bool) -> tuple[Group, ...]:
    """What this visitor can use."""
    groups = (Group(group.title, tuple(p for p in group.places if operator or not p.operators_only)) for group in MENU)
    return tuple(group for group in groups if group.places)
