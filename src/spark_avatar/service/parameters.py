"""Checks the parameters of a generation before it is accepted. Looks at nothing but the request."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from spark_avatar.engines.options import WithBackground, validate_options
from spark_avatar.engines.seed import MAX_SEED as MAX_SEED
from spark_avatar.engines.seed import draw_seed
from spark_avatar.errors import AudioUrlMissing, ConsentMissing, ImageUrlMissing, InputError, InvalidOptions
from spark_avatar.media.limits import MediaLimits
from spark_avatar.schemas.bodies import kind_of
from spark_avatar.schemas.generation import GenerationRequest
from spark_avatar.service.faults import InputFaults, faults_of
from spark_avatar.service.urls import check_url, is_data_url

MAX_URL_CHARACTERS: Final = 8192
_DATA_HEADER_CHARACTERS = 256
CONSENT: Final = "consent"
"""The parameter, and where it stands in a task's metadata."""
MAX_CONSENT_CHARACTERS: Final = 1000
_MOST_IGNORED: Final = 50
_LONGEST_IGNORED: Final = 100
"""Characters. Names that are not known are stored and come back in every answer about the task: only so many, so far."""
_OWN_NAMES = ("image_url", "audio_url", "seed", "webhook_url", "label", CONSENT)


@dataclass(frozen=True)
class CheckedRequest:
    """A request that can be stored."""

    image_url: str
    audio_url: str
    options: dict[str, object]
    """Those that were given, valid for the engine."""
    background_url: str
    """Of the picture behind the person; empty where there is none."""
    seed: int
    """0..`MAX_SEED`: the caller's, else drawn."""
    webhook_url: str
    """Empty where none was given."""
    label: bool
    """Whether the video is to show that it was generated."""
    consent: str
    """The caller's statement; empty where none was given."""
    ignored: tuple[str, ...]
    """Names that are not known: 50 at most, of 100 characters at most, and then how many more there are."""


def check_request(
    request: GenerationRequest, options: type[BaseModel], limits: MediaLimits, *, needs_consent: bool = False
) -> CheckedRequest:
    """Raises `ImageUrlMissing`, `AudioUrlMissing`, `ImageUrlInvalid`, `AudioUrlInvalid`, `InvalidOptions` or
    `ConsentMissing`.
    """
    params = request.params
    image_url = _url(params.get("image_url"), faults_of("image", limits), ImageUrlMissing)
    audio_url = _url(params.get("audio_url"), faults_of("audio", limits), AudioUrlMissing)
    given = {name: value for name, value in params.items() if name in options.model_fields and value is not None}
    validated = validate_options(options, given)
    behind = validated.background_url if isinstance(validated, WithBackground) else None
    if behind is not None:
        del given["background"]
        _check_url(behind, faults_of("background", limits))
    unknown = sorted(name for name in params if name not in options.model_fields and name not in _OWN_NAMES)
    return CheckedRequest(
        image_url=image_url,
        audio_url=audio_url,
        options=validated.model_dump(mode="json", include=set(given)),
        background_url=behind or "",
        seed=_seed(params.get("seed")),
        webhook_url=_webhook_url(params.get("webhook_url")),
        label=_label(params.get("label")),
        consent=_consent(params.get(CONSENT), needed=needs_consent),
        ignored=_named(tuple(dict.fromkeys((*request.ignored, *unknown)))),
    )


def _named(ignored: tuple[str, ...]) -> tuple[str, ...]:
    more = len(ignored) - _MOST_IGNORED
    named = (name if len(name) <= _LONGEST_IGNORED else f"{name[: _LONGEST_IGNORED - 3]}..." for name in ignored[:_MOST_IGNORED])
    return (*named, *([f"... and {more} more"] if more > 0 else []))


def _url(value: object, faults: InputFaults, missing: type[InputError]) -> str:
    if value is None:
        raise missing()
    if not isinstance(value, str):
        raise faults.invalid(f"must be a text, not {kind_of(value)}: give one http(s) address or data: URL")
    url = value.strip()
    if not url:
        raise missing()
    _check_url(url, faults)
    return url


def _check_url(url: str, faults: InputFaults) -> None:
    is_data = is_data_url(url)
    # A byte takes three characters when percent-encoded, 4/3 in base64; a tighter check follows the decoding.
    longest = 3 * faults.limit_bytes + _DATA_HEADER_CHARACTERS if is_data else MAX_URL_CHARACTERS
    if len(url) > longest:
        kind = "a data: URL" if is_data else "an address"
        raise faults.invalid(f"is {len(url)} characters long; {kind} may have {longest}", characters=len(url), limit=longest)
    if not is_data:
        check_url(url, faults)


class _WebhookFaults:
    def invalid(self, reason: str) -> InvalidOptions:
        return InvalidOptions(f"`webhook_url` {reason}", facts={"option": "webhook_url"})


def _webhook_url(value: object) -> str:
    faults = _WebhookFaults()
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > MAX_URL_CHARACTERS or not value.lower().startswith(("http://", "https://")):
        raise faults.invalid(f"must be one http(s) address of at most {MAX_URL_CHARACTERS} characters")
    check_url(value, faults)
    return value


def _label(value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise InvalidOptions(f"`label` cannot be {repr(value)[:60]}: give true or false", facts={"option": "label"})
    return value is True


def _consent(value: object, *, needed: bool) -> str:
    if value is not None and (not isinstance(value, str) or len(value) > MAX_CONSENT_CHARACTERS):
        raise InvalidOptions(f"`consent` must be a text of at most {MAX_CONSENT_CHARACTERS} letters", facts={"option": CONSENT})
    statement = (value or "").strip()
    if needed and not statement:
        raise ConsentMissing(facts={"option": CONSENT})
    return statement


def _seed(value: object) -> int:
    if value is None:
        return draw_seed()
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SEED:
        raise InvalidOptions(
            f"`seed` cannot be {repr(value)[:60]}: give a whole number from 0 to {MAX_SEED}", facts={"option": "seed"}
        )
    return value
