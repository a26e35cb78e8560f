"""What the engine offers, `spark-avatar render` offers too."""

import inspect
import typing

import pytest

from spark_avatar.cli.render import render_command
from spark_avatar.engines.portrait.options import Options
from spark_avatar.engines.remote.options import Options as RemoteOptions


@pytest.mark.parametrize("name", Options.model_fields)
def test_every_option_of_the_engine_is_one_of_the_command(name: str) -> None:
    assert name in inspect.signature(render_command).parameters


@pytest.mark.parametrize("name", [name for name, field in Options.model_fields.items() if typing.get_args(field.annotation)])
def test_the_help_names_every_choice(name: str) -> None:
    described = typing.get_type_hints(render_command, include_extras=True)[name].__metadata__[0].help
    for choice in typing.get_args(Options.model_fields[name].annotation):
        assert str(choice) in described


def test_a_remote_server_takes_the_same_options_but_for_what_needs_another_file() -> None:
    ours, theirs = (options.model_json_schema()["properties"] for options in (Options, RemoteOptions))
    assert set(ours) - set(theirs) == {"format"}  # what comes back is made an MP4, which is never transparent
    assert {name for name in theirs if ours[name] != theirs[name]} == {"background"}
