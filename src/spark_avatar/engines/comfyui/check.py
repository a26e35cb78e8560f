"""Whether a server can run a workflow: its nodes are installed, its models are there, its values are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spark_avatar.engines.comfyui.workflow import Workflow

Describe = Callable[[str], dict[str, Any] | None]
"""Class of a node -> its description in `/object_info`, None where it is not installed."""
_SHOWN_CHOICES = 4


@dataclass(frozen=True)
class Report:
    """What keeps a workflow from running on a server."""

    missing_nodes: tuple[str, ...] = ()
    """Classes of nodes that are not installed."""
    missing_choices: tuple[str, ...] = ()
    """Models and other values that the server does not offer, as text."""
    missing_inputs: tuple[str, ...] = ()
    """Required inputs that the workflow leaves out, as text."""

    @property
    def fine(self) -> bool:
        """Whether the workflow can run."""
        return not (self.missing_nodes or self.missing_choices or self.missing_inputs)

    def text(self) -> str:
        """All of it in one line."""
        parts = []
        if self.missing_nodes:
            parts.append(f"nodes that are not installed: {', '.join(self.missing_nodes)}")
        if self.missing_choices:
            parts.append(f"models or values that are not there: {'; '.join(self.missing_choices)}")
        if self.missing_inputs:
            parts.append(f"inputs that are left out: {', '.join(self.missing_inputs)}")
        return "; ".join(parts) or "all nodes and models are there"


def check_workflow(workflow: Workflow, describe: Describe) -> Report:
    """Compares a workflow with what a server describes. Raises what `describe` raises."""
    described = {kind: describe(kind) for kind in sorted({node["class_type"] for node in workflow.graph.values()})}
    choices, inputs = [], []
    filled = workflow.filled_inputs()
    for key, node in workflow.graph.items():
        kind, given = node["class_type"], node["inputs"]
        for name, rule, required in _rules(described[kind]):
            if required and name not in given and (key, name) not in filled:
                inputs.append(f"{kind}.{name}")
            offered = _offered(rule)
            value = given.get(name)
            if offered is None or name not in given or (key, name) in filled or isinstance(value, list) or value in offered:
                continue
            shown = ", ".join(map(str, offered[:_SHOWN_CHOICES])) or "none"
            choices.append(f"{value!r} for {kind}.{name} (there are: {shown}{', …' if len(offered) > _SHOWN_CHOICES else ''})")
    missing = tuple(kind for kind, description in described.items() if description is None)
    return Report(missing, tuple(choices), tuple(inputs))


def _rules(description: dict[str, Any] | None) -> list[tuple[str, Any, bool]]:
    """Name, rule and whether it is required, of every input of a node."""
    groups = (description or {}).get("input")
    if not isinstance(groups, dict):
        return []
    return [
        (name, rule, group == "required")
        for group in ("required", "optional")
        for name, rule in (groups.get(group) or {}).items()
    ]


def _offered(rule: object) -> list[object] | None:
    """The values of an input that takes one of a list; None for others, and for uploads, which the job brings along.

    Two spellings are in use: the list itself in place of a type, and the type `COMBO` with `options`.
    """
    if not isinstance(rule, list) or not rule:
        return None
    extra = rule[1] if len(rule) > 1 and isinstance(rule[1], dict) else {}
    if any(name.endswith("_upload") and value for name, value in extra.items()):
        return None
    if isinstance(rule[0], list):
        return rule[0]
    options = extra.get("options")
    return options if rule[0] == "COMBO" and isinstance(options, list) else None
