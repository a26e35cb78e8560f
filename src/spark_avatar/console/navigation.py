"""The places of the console, in the order of the menu."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Place:
    """A page that the menu leads to. Its name is that of its icon, too."""

    name: str
    title: str
    path: str
    managers_only: bool = False
    operators_only: bool = False


@dataclass(frozen=True)
class Group:
    """Places that belong together."""

    title: str
    places: tuple[Place, ...]


MENU: Final = (
    Group("", (Place("playground", "Playground", "/"), Place("tasks", "Tasks", "/tasks"))),
    Group(
        "Workspace",
        (
            Place("usage", "Usage", "/usage"),
            Place("keys", "API keys", "/keys", managers_only=True),
            Place("webhooks", "Webhooks", "/webhooks", managers_only=True),
            Place("members", "Members", "/members"),
            Place("settings", "Settings", "/settings"),
        ),
    ),
    Group("Reference", (Place("models", "Models", "/models"),)),
    Group("Server", (Place("system", "System", "/system", operators_only=True),)),
)


def menu_for(*, manager: bool, operator: bool) -> tuple[Group, ...]:
    """What this visitor can use."""

    def usable(place: Place) -> bool:
        return (manager or not place.managers_only) and (operator or not place.operators_only)

    groups = (Group(group.title, tuple(filter(usable, group.places))) for group in MENU)
    return tuple(group for group in groups if group.places)
