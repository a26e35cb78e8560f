"""The compose file and the Dockerfile, as far as they can be checked without Docker."""

import re
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose

from spark_avatar.config import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose.yaml"


def compose():
    return yaml.safe_load(COMPOSE.read_text())


def interpolated(text):
    """With every variable set, as Compose does it."""
    text = re.sub(r"(?<!\$)\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)
    return re.sub(r"(?<!\$)\$\{[A-Z_]+:\?\}", "a-word", text).replace("$$", "$")


def test_it_follows_the_compose_specification():
    found = PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(interpolated(COMPOSE.read_text()))))
    found.validate()
    assert set(found.service_names()) == {"api", "worker", "postgres", "rabbitmq", "redis", "minio", "bucket"}


@pytest.mark.parametrize(("right", "wrong"), [("restart: unless-stopped", "restart: perhaps"), ("build:", "buidl:")])
def test_the_specification_refuses_what_is_wrong(right, wrong):
    text = COMPOSE.read_text()
    assert right in text
    with pytest.raises(ValueError, match=r"."):
        PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(interpolated(text.replace(right, wrong, 1)))))


def test_services_and_volumes_that_are_named_are_there():
    found = compose()
    for service in found["services"].values():
        assert set(service.get("depends_on", [])) <= set(found["services"])
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in named if not name.startswith((".", "/"))} <= set(found["volumes"])


def test_a_service_that_is_waited_for_can_be_found_healthy():
    found = compose()["services"]
    for service in found.values():
        waits = service.get("depends_on", {})
        for name, how in waits.items() if isinstance(waits, dict) else ():
            assert how["condition"] != "service_healthy" or "healthcheck" in found[name]


def test_settings_are_ones_that_the_program_has():
    known = {f"SPARK_AVATAR_{name.upper()}" for name in Settings.model_fields}
    for name in ("api", "worker"):
        environment = compose()["services"][name]["environment"]
        assert {key for key in environment if key.startswith("SPARK_AVATAR_")} <= known
        grace = int(compose()["services"][name]["stop_grace_period"].removesuffix("s"))
        assert grace > float(environment["SPARK_AVATAR_DRAIN_SECONDS"])


def test_every_variable_stands_in_the_example_and_no_secret_in_the_file():
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", COMPOSE.read_text()))
    lines = (DEPLOY / "team.env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    assert asked == set(example)
    assert {name for name, value in example.items() if value} == {"PUBLIC_URL", "PORT"}


def test_services_are_built_from_the_dockerfile():
    ours = [service for service in compose()["services"].values() if "build" in service]
    assert [service["build"] for service in ours] == [{"context": "..", "dockerfile": "deploy/Dockerfile"}] * 2
    assert {service["platform"] for service in ours} == {"linux/amd64"}  # mediapipe has no wheel for Linux on ARM


def test_files_that_the_image_copies_are_there_and_not_ignored():
    lines = re.findall(r"^COPY (?!--from)(.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    copied = [word for line in lines for word in line.split()[:-1]]
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in ignore if line[:1] == "!"]
    assert copied
    for path in copied:
        assert (DEPLOY.parent / path).exists(), path
        assert path in allowed, path


def test_the_image_has_what_several_machines_need():
    locked = (DEPLOY.parent / "requirements" / "scale.txt").read_text()
    for package in ("celery", "psycopg", "redis", "authlib", "joserfc", "opentelemetry-exporter-otlp-json-http", "hatchling"):
        assert re.search(rf"^{package}(-binary)?==", locked, re.MULTILINE), package


def test_the_images_lock_is_the_programs():
    """`make lock` makes both."""

    def pinned(name):
        lock = (DEPLOY.parent / "requirements" / name).read_text()
        pins = re.findall(r"^([\w.-]+==\S+)(.*)", lock, re.MULTILINE)
        return {pin for pin, when in pins if "'never'" not in when}  # what is installed nowhere may be of any version

    assert pinned("runtime.txt") - pinned("scale.txt") == set()
