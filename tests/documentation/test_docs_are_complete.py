"""Every setting, error code, warning and command has its line in the docs."""

import re
from pathlib import Path

from typer.main import get_command

from spark_avatar import errors
from spark_avatar.cli.app import cli
from spark_avatar.config import Settings

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


def test_the_readme_names_the_two_commands_and_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
    commands = get_command(cli).commands  # type: ignore[attr-defined]
    assert {name for name in commands if f"spark-avatar {name}" not in text} == set()


def test_the_changelog_starts_with_this_version() -> None:
    from spark_avatar import __version__

    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE).group(1) == __version__
