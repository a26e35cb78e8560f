"""The parameters `consent` and `label`."""

import pytest
from plain_engine import PlainOptions

from spark_avatar.errors import ConsentMissing, InvalidOptions
from spark_avatar.media.limits import MediaLimits
from spark_avatar.schemas.generation import GenerationRequest
from spark_avatar.service.parameters import MAX_CONSENT_CHARACTERS, CheckedRequest, check_request
from spark_avatar.tasks.sql.documents import read_request, request_document
from spark_avatar.tasks.task import TaskRequest

URLS = {"image_url": "https://example.org/a.jpg", "audio_url": "https://example.org/a.wav"}


def check(needs_consent: bool = False, **params: object) -> CheckedRequest:
    request = GenerationRequest(model="any", params={**URLS, **params})
    return check_request(request, PlainOptions, MediaLimits(), needs_consent=needs_consent)


def test_neither_is_needed() -> None:
    checked = check()
    assert (checked.label, checked.consent, checked.ignored) == (False, "", ())


@pytest.mark.parametrize("needs_consent", [True, False])
def test_what_is_given_is_taken(needs_consent: bool) -> None:
    checked = check(needs_consent, label=True, consent="  She agreed. ")
    assert (checked.label, checked.consent, checked.ignored) == (True, "She agreed.", ())


@pytest.mark.parametrize("params", [{}, {"consent": None}, {"consent": ""}, {"consent": " \n"}])
def test_consent_is_missing(params: dict) -> None:
    with pytest.raises(ConsentMissing, match="agrees"):
        check(needs_consent=True, **params)


@pytest.mark.parametrize("value", [True, 1, ["yes"], {}, "x" * (MAX_CONSENT_CHARACTERS + 1)])
@pytest.mark.parametrize("needs_consent", [True, False])
def test_a_statement_is_a_short_text(value: object, needs_consent: bool) -> None:
    with pytest.raises(InvalidOptions, match="consent"):
        check(needs_consent, consent=value)


@pytest.mark.parametrize("value", ["yes", 1, 0, "true", []])
def test_a_label_is_true_or_false(value: object) -> None:
    with pytest.raises(InvalidOptions, match="label"):
        check(label=value)


@pytest.mark.parametrize("label", [True, False])
def test_the_label_is_stored_with_the_task(label: bool) -> None:
    request = TaskRequest(model="any", **URLS, label=label)
    document = request_document(request)
    assert read_request(document) == request
    assert ("label" in document["content"]) is label  # an earlier release knows no such field
