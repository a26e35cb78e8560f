"""Log lines: one a line, with ids, without secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from spark_avatar.telemetry import Seldom, configure_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_both_kinds_of_loggers_write_the_same_form_with_the_bound_ids() -> None:
    stream = io.StringIO()
    configure_logging(json=True, stream=stream)
    with structlog.contextvars.bound_contextvars(request_id="r-1", task_id="t-1"):
        structlog.stdlib.get_logger("ours").info("hello", seconds=1.5)
        logging.getLogger("theirs").warning("hi %s", "you", extra={"bytes": 7})
    ours, theirs = lines(stream)
    assert (ours["event"], ours["seconds"], ours["level"], ours["logger"]) == ("hello", 1.5, "info", "ours")
    assert (theirs["event"], theirs["bytes"], theirs["level"], theirs["logger"]) == ("hi you", 7, "warning", "theirs")
    assert ours["request_id"] == theirs["request_id"] == "r-1"
    assert ours["task_id"] == theirs["task_id"] == "t-1"


def test_members_named_like_secrets_are_hidden() -> None:
    stream = io.StringIO()
    configure_logging(json=True, stream=stream)
    structlog.stdlib.get_logger("a").info("x", Authorization="Bearer k", api_key="k", signature="k", key_id="shown")
    logging.getLogger("b").info("x", extra={"secret_key": "k"})
    assert [line.get("key_id") for line in lines(stream)] == ["shown", None]
    assert '"k"' not in stream.getvalue()
    assert "Bearer" not in stream.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_local_variables(as_json: bool) -> None:
    stream = io.StringIO()
    configure_logging(json=as_json, stream=stream)
    password = "hunter2" * 2
    try:
        raise ValueError(len(password))
    except ValueError:
        structlog.stdlib.get_logger("a").exception("failed")
    assert "ValueError: 14" in stream.getvalue()
    assert password not in stream.getvalue()


def test_the_level_holds_for_both_kinds() -> None:
    stream = io.StringIO()
    configure_logging(json=True, level="warning", stream=stream)
    structlog.stdlib.get_logger("a").info("quiet")
    logging.getLogger("b").info("quiet")
    structlog.stdlib.get_logger("a").error("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="shout"):
        configure_logging(json=True, level="shout")


def test_a_complaint_is_heard_at_once_and_then_once_a_minute():
    times = [100.0, 101.0, 159.9, 160.0, 219.0, 225.0, 226.0]
    complaint = Seldom(60, monotonic=iter(times).__next__)
    assert [complaint.due() for _ in times[:-1]] == [True, False, False, True, False, True]
    assert complaint.said
    complaint.settle()
    assert (complaint.said, complaint.due()) == (False, True)
