from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from spark_avatar.engines.options import validate_options
from spark_avatar.engines.portrait.options import Options as PortraitOptions
from spark_avatar.errors import InvalidOptions


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fps: Literal[24, 25] = 25
    strength: float = Field(default=1, ge=0, le=2)
    count: Annotated[int, Field(ge=1)] = 1
    depth: int = Field(default=0, le=9)
    loud: bool = False
    low: float = 0
    high: float = 1

    @model_validator(mode="after")
    def _ordered(self) -> "Options":
        if self.low > self.high:
            raise ValueError("`low` must not exceed `high`")
        return self


def test_valid_options_and_defaults():
    options = validate_options(Options, {"fps": 24, "strength": 0.5, "loud": None})
    assert (options.fps, options.strength, options.loud, options.count) == (24, 0.5, False, 1)


@pytest.mark.parametrize(
    ("values", "message", "option"),
    [
        ({"fps": 13}, "`fps` cannot be 13: give one of 24, 25", "fps"),
        ({"strength": 2.5}, "`strength` cannot be 2.5: give a number from 0 to 2", "strength"),
        ({"strength": float("nan")}, "`strength` cannot be nan: give a number from 0 to 2", "strength"),
        ({"count": 0}, "`count` cannot be 0: give a whole number of at least 1", "count"),
        ({"depth": 10}, "`depth` cannot be 10: give a whole number of at most 9", "depth"),
        ({"loud": "very"}, "`loud` cannot be 'very': give true or false", "loud"),
        ({"volume": 3}, "there is no option 'volume'; the options are: count, depth, fps, high, loud, low, strength", "volume"),
    ],
)
def test_the_message_names_the_option_the_value_and_what_is_allowed(values, message, option):
    with pytest.raises(InvalidOptions) as caught:
        validate_options(Options, values)
    assert caught.value.message == message
    assert caught.value.facts["option"] == option


def test_a_fault_of_several_options_together():
    with pytest.raises(InvalidOptions, match="must not exceed"):
        validate_options(Options, {"low": 2})


def test_a_huge_value_is_not_repeated_whole():
    with pytest.raises(InvalidOptions) as caught:
        validate_options(Options, {"fps": "9" * 10_000})
    assert len(caught.value.message) < 200


def test_the_portrait_engines_options_describe_themselves():
    for name, schema in PortraitOptions.model_json_schema()["properties"].items():
        assert schema["description"].endswith("."), name
        assert "default" in schema, name
    assert validate_options(PortraitOptions, {"resolution": "1080p"}).resolution == "1080p"
    with pytest.raises(InvalidOptions, match="source, 360p"):
        validate_options(PortraitOptions, {"resolution": "4k"})
