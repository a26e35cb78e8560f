"""Every setting, error code, warning, parameter and command has its line in the docs."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from spark_avatar import errors
from spark_avatar.animation.track_io import read_track
from spark_avatar.api.model_spec import input_schema, parameters
from spark_avatar.cli.app import cli
from spark_avatar.config import Settings
from spark_avatar.schemas.models import Parameter
from spark_avatar.service.models import PICTURE_OMNI
from spark_avatar.wiring import limits_of, model_catalog

ROOT = Path(__file__).parents[2]


def every_error() -> list[type[errors.SparkAvatarError]]:
    found = [errors.SparkAvatarError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__ == errors.__name__]


def test_every_error_code_is_documented() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    missing = {kind.code for kind in every_error() if f"| `{kind.code}` |" not in text}
    assert not missing


def test_every_warning_is_documented() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    sources = ROOT / "src" / "spark_avatar"
    judges = [sources / layer / "quality.py" for layer in ("face", "speech")]
    raised = {code for judge in judges for code in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', judge.read_text())}
    for path in sources.rglob("*.py"):
        raised.update(re.findall(r'QualityWarning\(\s*"([a-z_]+)"', path.read_text()))
    documented = set(re.findall(r"^\| `(\w+)` \|", text.split("# Warnings")[1], re.MULTILINE))
    assert raised
    assert raised == documented


def test_every_setting_is_documented_and_nothing_else() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `SPARK_AVATAR_(\w+)` \|", text, re.MULTILINE))
    assert documented == {name.upper() for name in Settings.model_fields}


def test_the_bounds_of_settings_stand_in_their_lines() -> None:
    lines = (ROOT / "docs" / "settings.md").read_text().splitlines()
    for name, field in Settings.model_fields.items():
        (line,) = (line for line in lines if line.startswith(f"| `SPARK_AVATAR_{name.upper()}` |"))
        for bound in field.metadata:
            least, above, most = (getattr(bound, which, None) for which in ("ge", "gt", "le"))
            assert not least or f"{least} at least" in line, line
            assert above is None or f"more than {above}" in line, line
            assert most is None or f"to {most} " in f"{line} " or f"to {most}." in line, line


def test_the_readme_names_the_two_commands_and_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
    commands = get_command(cli).commands  # type: ignore[attr-defined]
    assert {name for name in commands if f"spark-avatar {name}" not in text} == set()


def test_the_changelog_starts_with_this_version() -> None:
    from spark_avatar import __version__

    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE).group(1) == __version__


def test_the_table_of_parameters_is_the_models_spec() -> None:
    settings = Settings()
    catalog = model_catalog(settings)
    options = catalog.options(catalog.get(PICTURE_OMNI)).model_json_schema()
    spec = parameters(input_schema(options, limits_of(settings)))
    section = (ROOT / "docs" / "api.md").read_text().split("### Parameters")[1].split("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.*?) ?\| .+ \|$", section, re.MULTILINE)
    assert rows == [(row.name, row.type, values_of(row), default_of(row)) for row in spec]


def values_of(parameter: Parameter) -> str:
    rule = parameter.constraints
    if rule.enum is not None:
        return ", ".join(f"`{value}`" for value in rule.enum)
    if rule.min is not None and rule.max is not None:
        return f"{rule.min:.10g} to {rule.max:.10g}"
    return "" if rule.max_length is None else f"up to {rule.max_length} characters"


def default_of(parameter: Parameter) -> str:
    default = parameter.constraints.default
    if parameter.required:
        return "required"
    if default == "":
        return "empty"
    if isinstance(default, float):
        return f"`{default:g}`"
    return "" if default is None else f"`{default}`".lower()


@pytest.mark.parametrize(("suffix", "begin"), [("json", '    {"frame_rate"'), ("csv", "    frame_rate,")])
def test_the_tracks_that_are_shown_can_be_read(suffix: str, begin: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "start.md").read_text()
    path = tmp_path / f"track.{suffix}"
    path.write_text(begin + text.split(begin)[1].split("\n\n")[0])
    track = read_track(path)
    assert len(track) == 3
    np.testing.assert_allclose(track.curve("jawOpen"), [0, 0.2, 0.4])
    np.testing.assert_allclose(track.head_rotation[:, 0], [0, 1.5, 3])


def test_links_between_the_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
            other = (page.parent / target).resolve() if target else page
            assert other.exists(), f"{page.name}: {target}"
            if anchor:
                assert anchor in anchors_of(other), f"{page.name}: {target}#{anchor}"


def anchors_of(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
