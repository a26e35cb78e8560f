"""Workflows as data: an API-format JSON and its mapping, read from a folder, filled in for each job."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from spark_avatar.engines.comfyui import mapping as maps
from spark_avatar.engines.comfyui.client import Graph
from spark_avatar.errors import ConfigurationError, InvalidOptions

SHIPPED: Final = Path(__file__).parent / "workflows"
MAPPING_SUFFIX: Final = ".mapping.json"
_PREFIX_INPUT: Final = "filename_prefix"


@dataclass(frozen=True)
class Slot:
    """An input of a node that is there."""

    node: str
    input: str


@dataclass(frozen=True)
class JobValues:
    """What one job puts into a workflow."""

    image: str
    audio: str
    """Names of the uploaded files."""
    seed: int
    seconds: float
    """Length of the recording."""
    options: Mapping[str, object]
    prefix: str
    """Of the output's name, unlike any other job's, so that nothing comes from the server's cache."""


@dataclass(frozen=True)
class Workflow:
    """A workflow that can be run."""

    id: str
    name: str
    description: str
    graph: Graph
    slots: Mapping[str, Slot]
    """By role: `image` and `audio` always, `seed`, `seconds` and `frames` where there are any."""
    options: Mapping[str, Slot]
    Options: type[BaseModel]
    frames: maps.FrameCount | None
    seed_maximum: int
    output: str | None
    """Id of the node that saves the video."""
    compute_units: str | None

    def fill(self, values: JobValues) -> Graph:
        """The graph of one job. Raises `InvalidOptions` when the recording is longer than the workflow can make."""
        graph = copy.deepcopy(self.graph)
        by_role: dict[str, object] = {
            "image": values.image,
            "audio": values.audio,
            "seed": values.seed % (self.seed_maximum + 1),
            "seconds": values.seconds,
        }
        if self.frames is not None:
            by_role["frames"] = self._frame_count(values)
        for role, slot in self.slots.items():
            graph[slot.node]["inputs"][slot.input] = by_role[role]
        for name, slot in self.options.items():
            if name in values.options:
                graph[slot.node]["inputs"][slot.input] = values.options[name]
        for node in graph.values():
            if isinstance(node["inputs"].get(_PREFIX_INPUT), str):
                node["inputs"][_PREFIX_INPUT] = values.prefix
            node.pop("_meta", None)
        return graph

    def filled_inputs(self) -> frozenset[tuple[str, str]]:
        """Inputs that each job sets anew."""
        return frozenset((slot.node, slot.input) for slot in (*self.slots.values(), *self.options.values()))

    def _frame_count(self, values: JobValues) -> int:
        rule = self.frames
        assert rule is not None
        chosen = values.options.get("fps", rule.fps)
        fps = float(chosen) if isinstance(chosen, (int, float)) else rule.fps
        least = math.ceil(Fraction(values.seconds) * Fraction(fps) - Fraction(1, 1000))
        count = max(0, math.ceil((least - rule.plus) / rule.multiple_of)) * rule.multiple_of + rule.plus
        count = max(1, count)
        if count > rule.maximum:
            raise InvalidOptions(
                f"This model makes at most {rule.maximum / fps:.1f} s of video: the recording has {values.seconds:.1f} s.",
                facts={"audio_seconds": round(values.seconds, 3)},
            )
        return count


def read_workflows(folder: Path) -> tuple[Workflow, ...]:
    """All workflows of a folder, by id. Raises `ConfigurationError`, naming the file and what is wrong with it."""
    if not folder.is_dir():
        raise ConfigurationError(f"the folder of workflows is not there: {folder.name}")
    paths = sorted(path for path in folder.glob("*.json") if not path.name.endswith(MAPPING_SUFFIX))
    found = [read_workflow(path) for path in paths]
    if len({workflow.id for workflow in found}) != len(found):
        raise ConfigurationError(f"two workflows in {folder.name} have one id: give them `id`s in their mappings")
    return tuple(found)


def read_workflow(path: Path) -> Workflow:
    """The workflow of a file, with the mapping beside it, if there is one. Raises `ConfigurationError`."""
    graph = _graph(path)
    beside = path.with_name(path.stem + MAPPING_SUFFIX)
    try:
        mapping = maps.Mapping.model_validate_json(beside.read_bytes()) if beside.exists() else maps.Mapping()
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise _fault(beside, f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg']}") from None
    return _Reader(path, graph, mapping).workflow()


def _graph(path: Path) -> Graph:
    try:
        graph = json.loads(path.read_bytes())
    except ValueError:
        raise _fault(path, "it is not JSON") from None
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise _fault(path, "it is saved for the editor; use ComfyUI's menu `Export (API)`")
    if not isinstance(graph, dict) or not graph:
        raise _fault(path, "it is not a workflow in API format")
    for node in graph.values():
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str) or not isinstance(node.get("inputs"), dict):
            raise _fault(path, "it is not a workflow in API format: every node needs `class_type` and `inputs`")
    return graph


@dataclass(frozen=True)
class _Reader:
    """Joins a graph and its mapping."""

    path: Path
    graph: Graph
    mapping: maps.Mapping

    def workflow(self) -> Workflow:
        mapping, slots = self.mapping, {}
        for role in ("image", "audio", "seed", "seconds"):
            slot = self._slot(role, getattr(mapping, role))
            if slot is None and role in ("image", "audio"):
                raise _fault(self.path, f"it does not say where the {role} goes: title its node `#{role}`, or map it")
            if slot is not None:
                slots[role] = slot
        frames = mapping.frames or (maps.FrameCount(node="#frames") if self._by_title("#frames") else None)
        if frames is not None:
            found = self._slot("frames", frames)
            assert found is not None
            slots["frames"] = found
        options = self._options()
        places = {name: self._slot(name, option) for name, option in options.items()}
        model_id = mapping.id or self.path.stem
        return Workflow(
            id=model_id,
            name=mapping.name or model_id,
            description=mapping.description or "A talking video, made by a ComfyUI workflow.",
            graph=self.graph,
            slots=slots,
            options={name: slot for name, slot in places.items() if slot is not None},
            Options=self._model(options),
            frames=frames,
            seed_maximum=(mapping.seed or maps.Seed(node="")).maximum,
            output=self._node(mapping.output) if mapping.output else self._by_title("#output"),
            compute_units=self._node(mapping.compute_units) if mapping.compute_units else None,
        )

    def _options(self) -> dict[str, maps.MappedOption]:
        """The mapped options, each with its default, and the prompt, which is an option too."""
        options: dict[str, maps.MappedOption] = {}
        reserved = maps.RESERVED & self.mapping.options.keys()
        if reserved:
            raise _fault(self.path, f"`{min(reserved)}` is a parameter of every model: give the option another name")
        prompt = self._slot("prompt", self.mapping.prompt)
        if prompt is not None:
            text = self._value(prompt)
            options["prompt"] = maps.MappedOption(
                node=prompt.node,
                input=prompt.input,
                type="string",
                default=text if isinstance(text, str) else "",
                description="What the video shows, in words.",
            )
        for name, option in self.mapping.options.items():
            slot = self._slot(name, option)
            assert slot is not None
            default = self._value(slot) if option.default is None else option.default
            if isinstance(default, list):
                raise _fault(self.path, f"the option `{name}` needs a default: its input is wired to another node")
            options[name] = option.model_copy(update={"node": slot.node, "input": slot.input, "default": default})
        return options

    def _model(self, options: dict[str, maps.MappedOption]) -> type[BaseModel]:
        made = maps.options_model(options)
        try:
            made()
        except ValidationError as error:
            name = error.errors(include_url=False)[0]["loc"][0]
            raise _fault(self.path, f"the default of the option `{name}` is not a value that it can take") from None
        return made

    def _value(self, slot: Slot) -> Any:
        return self.graph[slot.node]["inputs"].get(slot.input)

    def _slot(self, role: str, place: maps.Place | None) -> Slot | None:
        """The input of a role; None where the workflow has no such node and the mapping does not ask for one."""
        if place is None:
            titled = self._by_title(f"#{role}")
            place = None if titled is None else maps.Place(node=titled)
        if place is None:
            return None
        node = self._node(place.node)
        names = maps.ROLE_INPUTS.get(role, (role,)) if place.input is None else (place.input,)
        inputs = self.graph[node]["inputs"]
        known = next((name for name in names if name in inputs), None)
        if known is None and place.input is None:
            raise _fault(self.path, f"node {node} has no input called {' or '.join(names)}: name it in the mapping of `{role}`")
        return Slot(node, known or names[0])

    def _node(self, reference: str) -> str:
        found = self._by_title(reference) if reference.startswith("#") else reference
        if found is None or found not in self.graph:
            raise _fault(self.path, f"it has no node {reference!r}")
        return found

    def _by_title(self, title: str) -> str | None:
        found = [key for key, node in self.graph.items() if _title(node) == title.lower()]
        if len(found) > 1:
            raise _fault(self.path, f"two of its nodes have the title {title!r}")
        return found[0] if found else None


def _title(node: Mapping[str, Any]) -> str:
    meta = node.get("_meta")
    return str(meta.get("title", "")).strip().lower() if isinstance(meta, dict) else ""


def _fault(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"The workflow file {path.name} cannot be used: {reason}.")
