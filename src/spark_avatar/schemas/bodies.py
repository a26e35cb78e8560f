"""The accepted bodies of a create call, made one `GenerationRequest`.

    {"model": M, "input": [{"params": {...}}]}          wrapped
    {"model": M, "input": [{"content": [PART, ...]}]}   parts; PART is {"type": "image_url", "url": U} or
                                                        {"type": "image_url", "image_url": U or {"url": U}}; audio_url alike
    {"model": M, "image_url": ..., "audio_url": ...}    flat

`M` may come in the `X-Model` header instead. Only shapes are checked here; which parameters a model knows is the service's
matter. A member that is null counts as absent.
"""

from collections.abc import Mapping

from spark_avatar.errors import MalformedRequest
from spark_avatar.schemas.generation import GenerationRequest

MEDIA_PARTS = ("image_url", "audio_url")


def parse_generation(body: object, *, header_model: str | None = None) -> GenerationRequest:
    """The request in a decoded JSON body; raises `MalformedRequest`, which says what is expected.

    Beside `input`, every top-level member but `model` is named in `ignored`; without `input`, or with null, they are the
    parameters.
    """
    if not isinstance(body, dict):
        raise MalformedRequest(f"The body must be a JSON object, but it is {kind_of(body)}.")
    model = _model(body.get("model"), header_model)
    rest = {name: value for name, value in body.items() if name not in ("model", "input")}
    if body.get("input") is None:
        return GenerationRequest(model=model, params=rest)
    params, ignored = _element(_only_element(body["input"]))
    return GenerationRequest(model=model, params=params, ignored=(*rest, *ignored))


def _model(body_model: object, header_model: str | None) -> str:
    if body_model is not None and not isinstance(body_model, str):
        raise MalformedRequest(f"`model` must be a string, but it is {kind_of(body_model)}.")
    named = (body_model or "").strip()
    header = (header_model or "").strip()
    if named and header and named != header:
        raise MalformedRequest("The `X-Model` header and `model` in the body name different models: send one of them.")
    if not (named or header):
        raise MalformedRequest("`model` is missing: name the model in the body or in the `X-Model` header.")
    return named or header


def _only_element(value: object) -> Mapping[str, object]:
    """Several elements would be several videos; one call makes one, and none may be dropped in silence."""
    if not isinstance(value, list):
        raise MalformedRequest(f"`input` must be a list of one object, but it is {kind_of(value)}.")
    if len(value) != 1:
        raise MalformedRequest(f"`input` must hold exactly one element, but it holds {len(value)}: make one call for each video.")
    element = value[0]
    if not isinstance(element, dict):
        raise MalformedRequest(f"`input[0]` must be an object, but it is {kind_of(element)}.")
    return element


def _element(element: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Parameters of the element, and what of its parts was ignored. Members beside `params` and `content` count as parameters."""
    given = element.get("params")
    if given is not None and not isinstance(given, dict):
        raise MalformedRequest(f"`input[0].params` must be an object, but it is {kind_of(given)}.")
    params = {name: value for name, value in element.items() if name not in ("params", "content")}
    params.update({name: value for name, value in (given or {}).items() if value is not None or name not in params})
    parts = element.get("content")
    if parts is None:
        return params, []
    if not isinstance(parts, list):
        raise MalformedRequest(f"`input[0].content` must be a list of parts, but it is {kind_of(parts)}.")
    return params, _take_parts(parts, params)


def _take_parts(parts: list[object], params: dict[str, object]) -> list[str]:
    """Moves media parts into the parameters; returns the types of the others."""
    ignored = []
    for index, part in enumerate(parts):
        place = f"input[0].content[{index}]"
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise MalformedRequest(f'`{place}` must be an object such as {{"type": "image_url", "url": "https://..."}}.')
        name = part["type"]
        if name not in MEDIA_PARTS:
            ignored.append(f"content.{name}")
            continue
        if params.get(name) is not None:
            raise MalformedRequest(f"`{name}` is given twice, the second time in `{place}`: send one.")
        params[name] = _part_url(part, name, place)
    return ignored


def _part_url(part: Mapping[str, object], name: str, place: str) -> object:
    url = part.get("url")
    if url is None:
        url = part.get(name)
    if isinstance(url, dict):
        url = url.get("url")
    if url is None:
        raise MalformedRequest(f'`{place}` has no `url`: write {{"type": "{name}", "url": "https://..."}}.')
    return url


def kind_of(value: object) -> str:
    """The JSON name of a value's type, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        ((int, float), "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "an object"),
    )
    return next(name for kind, name in names if isinstance(value, kind))
