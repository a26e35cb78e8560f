import uuid
from decimal import Decimal

import pytest
from service_house import CALLER, STRANGER, House, request
from sqlalchemy import text

from spark_avatar.errors import (
    AccountQueueFull,
    AudioUrlInvalid,
    AudioUrlMissing,
    ImageUrlInvalid,
    ImageUrlMissing,
    InvalidOptions,
    QueueFull,
    TaskCreationError,
    TaskNotFound,
    UnknownModel,
)
from spark_avatar.schemas.generation import GenerationRequest
from spark_avatar.service.generation import USUAL_SECONDS
from spark_avatar.service.parameters import MAX_URL_CHARACTERS
from spark_avatar.tasks.task import TaskStatus

MISSING = ["omit", None, "", "  \n"]


def test_a_submitted_task_is_stored_as_asked_and_a_worker_is_woken(house: House):
    task = house.submit(loudness=0.5, seed=7, moustache=True, webhook_url="https://example.org/hook")
    stored = house.store.get(task.id)
    assert stored == task
    assert (stored.status, stored.progress, stored.created_at) == (TaskStatus.QUEUED, 0.0, house.clock.now)
    assert (stored.account_id, stored.key_id, stored.request_id) == ("ada", "key-1", "request-1")
    assert stored.request.image_url == "https://example.org/face.jpg"
    assert stored.request.options == {"loudness": 0.5}
    assert stored.request.webhook_url == "https://example.org/hook"
    assert stored.request.ignored == ("moustache",)
    assert stored.metadata == {"engine": "plain", "seed": 7}
    assert uuid.UUID(stored.id)
    assert house.dispatcher.woken == 1


def test_unknown_members_of_the_body_are_named_too(house: House):
    body = GenerationRequest(model="spark_avatar_picture_omni_v2", params=request(a=1).params, ignored=("moderation",))
    assert house.generation.submit(body, caller=CALLER).request.ignored == ("moderation", "a")


def test_a_seed_is_drawn_when_none_is_given(house: House):
    seeds = {house.submit().metadata["seed"] for _ in range(5)}
    assert len(seeds) > 1


def test_defaults_are_left_to_the_engine(house: House):
    assert house.submit(loudness=None).request.options == {}


@pytest.mark.parametrize("url", MISSING)
def test_a_missing_image(url, house: House):
    with pytest.raises(ImageUrlMissing):
        house.submit(image_url=url)


@pytest.mark.parametrize("url", MISSING)
def test_a_missing_recording(url, house: House):
    with pytest.raises(AudioUrlMissing):
        house.submit(audio_url=url)


INVALID = [7, True, [], ["https://example.org/a"], {"url": "https://example.org/a"}, "ftp://example.org/a", "face.jpg", "http://"]


@pytest.mark.parametrize("url", [*INVALID, "https://example.org/" + "a" * MAX_URL_CHARACTERS, "data:" + "a" * 400_000])
def test_an_image_address_that_cannot_be_one(url, house: House):
    with pytest.raises(ImageUrlInvalid, match="image_url"):
        house.submit(image_url=url)


@pytest.mark.parametrize(
    ("value", "kind"), [(7, "a number"), (1.5, "a number"), (True, "a boolean"), ([], "a list"), ({}, "an object")]
)
def test_an_address_of_another_type_is_told_in_words_of_json(value, kind, house: House):
    with pytest.raises(ImageUrlInvalid, match=f"must be a text, not {kind}:"):
        house.submit(image_url=value)


def test_a_long_address_is_told_with_its_article(house: House):
    with pytest.raises(ImageUrlInvalid, match=f"; an address may have {MAX_URL_CHARACTERS}"):
        house.submit(image_url="https://example.org/" + "a" * MAX_URL_CHARACTERS)
    with pytest.raises(ImageUrlInvalid, match="; a data: URL may have"):
        house.submit(image_url="data:" + "a" * 400_000)


@pytest.mark.parametrize("url", INVALID)
def test_a_recordings_address_that_cannot_be_one(url, house: House):
    with pytest.raises(AudioUrlInvalid, match="audio_url"):
        house.submit(audio_url=url)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"loudness": 3}, ["loudness", "3", "0 to 2"]),
        ({"loudness": "loud"}, ["loudness", "'loud'"]),
        ({"seed": -1}, ["seed", "-1", "4294967295"]),
        ({"seed": 2**32}, ["seed"]),
        ({"seed": True}, ["seed", "True"]),
        ({"seed": "7"}, ["seed", "'7'"]),
    ],
)
def test_an_option_that_cannot_be_used_says_what_can(params, words, house: House):
    with pytest.raises(InvalidOptions) as caught:
        house.submit(**params)
    for word in words:
        assert word in caught.value.message


def test_a_refused_request_stores_nothing_and_wakes_nobody(house: House):
    with pytest.raises(InvalidOptions):
        house.submit(loudness=3)
    assert house.store.queue_facts(now=house.clock()).queued == 0
    assert house.dispatcher.woken == 0


def test_an_unknown_model(house: House):
    with pytest.raises(UnknownModel, match="spark_avatar_picture_omni_v2"):
        house.generation.submit(GenerationRequest(model="dall-e", params={}), caller=CALLER)


def test_a_full_queue_takes_nothing_more(tmp_path):
    house = House(tmp_path, max_queued=3)
    for _ in range(3):
        house.submit()
    with pytest.raises(QueueFull) as caught:
        house.submit()
    assert caught.value.retryable
    assert house.store.queue_facts(now=house.clock()).queued == 3
    house.database.dispose()


def test_a_full_queue_still_knows_the_task_of_a_repeated_request(tmp_path):
    house = House(tmp_path, max_queued=1)
    task = house.generation.submit(request(), caller=CALLER, idempotency_key="w")
    assert house.generation.submit(request(), caller=CALLER, idempotency_key="w") == task
    with pytest.raises(QueueFull):
        house.generation.submit(request(), caller=CALLER, idempotency_key="another")
    house.database.dispose()


def test_repeated_requests_take_no_place_in_the_queue(tmp_path):
    house = House(tmp_path, max_queued=2)
    task = house.generation.submit(request(), caller=CALLER, idempotency_key="w")
    for _ in range(5):
        assert house.generation.submit(request(), caller=CALLER, idempotency_key="w") == task
    assert house.submit()
    house.database.dispose()


def test_one_accounts_full_queue_is_not_anothers(tmp_path):
    house = House(tmp_path, max_queued_of_account=2)
    for _ in range(2):
        house.submit()
    with pytest.raises(AccountQueueFull) as caught:
        house.submit()
    assert caught.value.retryable
    assert house.generation.submit(request(), caller=STRANGER)
    assert house.store.queued_by_account() == {"ada": 2, "bob": 1}
    house.database.dispose()


def test_a_store_that_fails_is_not_the_callers_fault(house: House):
    with house.database.begin() as connection:
        connection.execute(text("drop table tasks"))
    with pytest.raises(TaskCreationError) as caught:
        house.submit()
    assert caught.value.code == "003016099"
    assert "tasks" not in caught.value.message.replace("the task ", "")
    assert house.dispatcher.woken == 0


def test_only_the_own_account_sees_a_task(house: House):
    task = house.submit()
    assert house.generation.get(task.id, caller=CALLER) == task
    assert house.generation.recent(caller=CALLER) == [task]
    assert house.generation.recent(caller=STRANGER) == []
    with pytest.raises(TaskNotFound):
        house.generation.get(task.id, caller=STRANGER)
    with pytest.raises(TaskNotFound):
        house.generation.get("no such task", caller=CALLER)


def test_a_quote_runs_nothing(house: House):
    quote = house.generation.quote(request())
    assert (quote.cost, quote.seconds, quote.seconds_known) == (Decimal("0.1845"), USUAL_SECONDS, False)
    assert (quote.price.per_second, quote.currency, quote.price.discount) == (Decimal("0.0123"), "USD", 1)
    assert (quote.lowest, quote.highest) == (Decimal("0.0000"), Decimal("0.0123") * 600 + Decimal("0.0012"))
    known = house.generation.quote(request(), seconds=10)
    assert (known.cost, known.seconds, known.seconds_known) == (Decimal("0.1230"), 10, True)
    assert (known.lowest, known.highest) == (Decimal("0.1218"), Decimal("0.1242"))
    assert house.store.queue_facts(now=house.clock()).queued == 0
    with pytest.raises(ImageUrlMissing):
        house.generation.quote(request(image_url=None))
