"""Checking the options of a job against what an engine declares, with messages that say what is allowed."""

import functools
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ValidationError

from spark_avatar.errors import Fact, InvalidOptions

OptionsT = TypeVar("OptionsT", bound=BaseModel)
_SHOWN_CHARACTERS = 60


@runtime_checkable
class WithBackground(Protocol):
    """Options of an engine that can put a picture behind the person."""

    @property
    def background_url(self) -> str | None:
        """Where it comes from, if one is asked for: an http(s) address or a data: URL."""
        ...


def validate_options(options: type[OptionsT], values: Mapping[str, object]) -> OptionsT:
    """An instance of `options` with the given values; `None` stands for the default.

    Raises `InvalidOptions`, naming the first faulty option, its value and what is allowed.
    """
    given = {name: value for name, value in values.items() if value is not None}
    properties = _properties(options)
    unknown = next((name for name in given if name not in properties), None)
    if unknown is not None:
        known = ", ".join(sorted(properties)) or "none"
        raise InvalidOptions(f"there is no option {_shown(unknown)}; the options are: {known}", facts={"option": unknown})
    try:
        return options.model_validate(given)
    except ValidationError as error:
        raise _invalid(error, properties) from None


@functools.cache
def _properties(options: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """JSON Schema of each option; making it takes longer than all else on the way of a request."""
    properties: dict[str, dict[str, Any]] = options.model_json_schema().get("properties", {})
    return properties


def _invalid(error: ValidationError, properties: Mapping[str, Mapping[str, Any]]) -> InvalidOptions:
    fault = error.errors(include_url=False)[0]
    if not fault["loc"]:  # a check over several options
        return InvalidOptions(str(fault["msg"]))
    name = str(fault["loc"][0])
    allowed = _allowed(properties.get(name, {})) or str(fault["msg"])
    facts: dict[str, Fact] = {"option": name, "allowed": allowed}
    return InvalidOptions(f"`{name}` cannot be {_shown(fault['input'])}: give {allowed}", facts=facts)


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a JSON Schema property admits, in words; empty where the schema does not tell."""
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "pattern" in schema and "examples" in schema:
        return "a value like " + " or ".join(str(value) for value in schema["examples"])
    nouns = {"number": "a number", "integer": "a whole number", "boolean": "true or false", "string": "a text"}
    noun = nouns.get(str(schema.get("type", "")), "")
    low, high = schema.get("minimum"), schema.get("maximum")
    if noun and low is not None and high is not None:
        return f"{noun} from {low:g} to {high:g}"
    if noun and low is not None:
        return f"{noun} of at least {low:g}"
    if noun and high is not None:
        return f"{noun} of at most {high:g}"
    return noun


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
