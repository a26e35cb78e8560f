"""Bodies of a create call: nothing but a MalformedRequest may come of a wrong one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.errors import MalformedRequest
from spark_avatar.schemas.bodies import parse_generation

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
MEMBER = st.sampled_from(["model", "input", "params", "content", "type", "url", "image_url", "audio_url", "other"])
SHAPED = st.recursive(
    JSON | st.sampled_from(["image_url", "audio_url", "text"]),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(MEMBER, children, max_size=4),
    max_leaves=12,
)


@given(SHAPED)
def test_any_json_is_a_request_or_a_malformed_one(body: object) -> None:
    with suppress(MalformedRequest):
        request = parse_generation(body)
        assert request.model
        assert isinstance(body, dict)


@given(st.dictionaries(MEMBER, SHAPED, max_size=4))
def test_no_member_is_lost_in_silence(rest: dict[str, object]) -> None:
    """Whatever stands at the top is a parameter, or named as ignored."""
    members = {name: value for name, value in rest.items() if name not in ("model", "input")}
    flat = parse_generation({"model": "m", **members})
    assert flat.params == members
    assert parse_generation({"model": "m", "input": None, **members}) == flat
    wrapped = parse_generation({"model": "m", "input": [{"params": {"image_url": "i"}}], **members})
    assert set(wrapped.ignored) == set(members)


@pytest.mark.parametrize(
    ("header", "body_model", "found"), [("m", None, "m"), (None, "m", "m"), ("m", "m", "m"), (" m ", "", "m"), ("", " m", "m")]
)
def test_the_model_comes_from_either_place(header: str | None, body_model: str | None, found: str) -> None:
    assert parse_generation({"model": body_model}, header_model=header).model == found


@pytest.mark.parametrize(("header", "body_model"), [("a", "b"), (None, None), ("", "  "), (None, 7), ("a", ["a"])])
def test_without_one_model_there_is_no_request(header: str | None, body_model: object) -> None:
    with pytest.raises(MalformedRequest, match="model"):
        parse_generation({"model": body_model}, header_model=header)


def test_parts_and_params_complement_each_other() -> None:
    request = parse_generation(
        {"model": "m", "input": [{"params": {"seed": 1}, "role": "user", "content": [{"type": "image_url", "url": "i"}]}]}
    )
    assert request.params == {"seed": 1, "role": "user", "image_url": "i"}


def test_a_parts_url_is_passed_on_whatever_it_is() -> None:
    """The service says what is wrong with a URL that is a number, with the contract's code."""
    request = parse_generation({"model": "m", "input": [{"content": [{"type": "audio_url", "audio_url": {"url": 7}}]}]})
    assert request.params == {"audio_url": 7}


@pytest.mark.parametrize(
    "element",
    [
        {"content": [{"type": "image_url", "url": None, "image_url": {"url": "i"}}]},
        {"content": [{"type": "image_url", "url": "i", "image_url": None}]},
        {"params": {"image_url": None}, "content": [{"type": "image_url", "url": "i"}]},
        {"params": {"image_url": None}, "image_url": "i"},
    ],
)
def test_an_address_that_is_null_is_none(element: dict) -> None:
    assert parse_generation({"model": "m", "input": [element]}).params == {"image_url": "i"}
