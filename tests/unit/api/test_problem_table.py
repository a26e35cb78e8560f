"""Which exception is which status."""

import inspect

import pytest

from spark_avatar import errors
from spark_avatar.api.problems import STATUS_OF, problem_response, status_of

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.SparkAvatarError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_of_the_project_has_a_status(kind: type[errors.SparkAvatarError]) -> None:
    status = status_of(kind("x"))
    assert 400 <= status < 600
    assert status < 500 or not issubclass(kind, errors.InputError)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.ImageUrlMissing, 400),
        (errors.UnknownModel, 400),
        (errors.NotAuthenticated, 401),
        (errors.NotAllowed, 403),
        (errors.TaskNotFound, 404),
        (errors.TooLarge, 413),
        (errors.WrongMediaType, 415),
        (errors.QueueFull, 503),
        (errors.SyncTimeout, 504),
        (errors.GenerationError, 500),
        (errors.ConfigurationError, 500),
    ],
)
def test_statuses_of_the_contract(kind: type[errors.SparkAvatarError], status: int) -> None:
    assert status_of(kind("x")) == status


def test_an_entry_says_more_than_its_bases_entry() -> None:
    redundant = [
        kind.__name__
        for kind, status in STATUS_OF.items()
        if any(base in STATUS_OF and STATUS_OF[base] == status for base in kind.__mro__[1:])
    ]
    assert redundant == []


def test_problem_details_are_a_matter_of_the_accept_header() -> None:
    plain = problem_response(404, "not_found", "gone", request_id="r", accept="application/json")
    assert plain.media_type == "application/json"
    assert plain.body == (
        b'{"message":"gone","error":{"code":"not_found","message":"gone","error_message":"gone"},"request_id":"r"}'
    )
    problem = problem_response(404, "not_found", "gone", request_id="r", accept="text/html, Application/Problem+JSON;q=0.9")
    assert problem.media_type == "application/problem+json"
