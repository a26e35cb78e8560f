"""What the settings make of engines and models."""

import json

import pytest
from comfyui_server import ComfyServer, running
from pydantic import ValidationError
from typer.testing import CliRunner

from spark_avatar.api.model_spec import describe, input_schema
from spark_avatar.app.openings import open_drained_servers
from spark_avatar.cli.app import cli
from spark_avatar.config import Settings
from spark_avatar.engines.comfyui.workflow import SHIPPED
from spark_avatar.engines.fallback import FallbackEngine
from spark_avatar.errors import ConfigurationError
from spark_avatar.media.limits import MediaLimits
from spark_avatar.wiring import engine_registry, model_catalog

OMNI = "spark_avatar_picture_omni_v2"
COMFY = {"comfyui_urls": "http://127.0.0.1:9"}


def settings(tmp_path, **given):
    return Settings(data_dir=tmp_path, **given)


def test_without_settings_there_is_the_talking_portrait_alone(tmp_path):
    catalog = model_catalog(settings(tmp_path))
    assert [(model.id, model.engine) for model in catalog.all()] == [(OMNI, "portrait")]


def test_every_workflow_is_a_model_with_its_own_parameters(tmp_path):
    folder = tmp_path / "workflows"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.json").write_text((SHIPPED / "example.json").read_text())
    options = {
        "fps": {"node": "5", "type": "number", "minimum": 1, "maximum": 60, "description": "Frames per second."},
        "width": {"node": "3", "type": "integer", "choices": [256, 512]},
        "filter": {"node": "3", "input": "upscale_method", "type": "string", "choices": ["lanczos", "area"]},
        "loud": {"node": "5", "input": "loud", "type": "boolean", "default": True},
        "words": {"node": "6", "input": "words", "type": "string", "default": "a person talks"},
    }
    (folder / "two.mapping.json").write_text(json.dumps({"id": "talk", "name": "Talk", "options": options}))
    catalog = model_catalog(settings(tmp_path, comfyui_workflows=folder, **COMFY))
    assert [(model.id, model.engine) for model in catalog.all()] == [
        (OMNI, "portrait"),
        ("one", "comfyui.one"),
        ("talk", "comfyui.talk"),
    ]
    talk = catalog.get("talk")
    assert catalog.options(talk) is catalog.options(talk)
    spec = describe(talk, input_schema(catalog.options(talk).model_json_schema(), MediaLimits()), base_url="http://here")
    (fps,) = (parameter for parameter in spec.parameters if parameter.name == "fps")
    assert (fps.type, fps.constraints.min, fps.constraints.max, fps.constraints.default) == ("number", 1, 60, 25)
    kinds = {each.name: (each.type, each.required, each.constraints.default, each.constraints.enum) for each in spec.parameters}
    assert kinds["width"] == ("integer", False, 512, [256, 512])
    assert kinds["filter"] == ("string", False, "lanczos", ["lanczos", "area"])
    assert kinds["loud"] == ("boolean", False, True, None)
    assert kinds["words"] == ("string", False, "a person talks", None)
    assert "| fps | number | no | 1 to 60; default 25 | Frames per second. |" in spec.agent_prompt


def test_a_model_can_be_routed_to_any_engine(tmp_path):
    given = {"models": f"{OMNI}=comfyui.comfyui_example, fast=portrait", **COMFY}
    catalog = model_catalog(settings(tmp_path, **given))
    engines = {model.id: model.engine for model in catalog.all()}
    assert engines == {OMNI: "comfyui.comfyui_example", "comfyui_example": "comfyui.comfyui_example", "fast": "portrait"}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"models": "a=paint"}, "no engine 'paint'"),
        ({"fallback": "paint"}, "no engine 'paint'"),
        ({"prices": {"paint": {"per_second": "1"}}}, f"PRICES: there is no model 'paint'; there are: {OMNI}"),
        ({"default_engine": "comfyui.absent"}, "no engine"),
        ({"comfyui_urls": "gpu1:8188"}, "COMFYUI_URLS"),
        ({"remote_url": "https://far"}, "REMOTE_KEY"),
        ({"remote_url": "far", "remote_key": "k"}, "REMOTE_URL"),
        ({"comfyui_workflows": "absent", **COMFY}, "folder of workflows"),
    ],
)
def test_settings_that_cannot_be(tmp_path, given, fault):
    with pytest.raises(ConfigurationError, match=fault):
        model_catalog(settings(tmp_path, **given))


def test_segments_are_two_seconds_at_least(tmp_path):
    assert [settings(tmp_path, split_seconds=seconds).split_seconds for seconds in (0, 2, 60)] == [0, 2, 60]
    with pytest.raises(ValidationError, match="2 s at least"):
        settings(tmp_path, split_seconds=1.5)


def test_models_are_pairs(tmp_path):
    with pytest.raises(ValidationError, match="MODEL=ENGINE"):
        settings(tmp_path, models="a")


def test_secrets_are_not_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARK_AVATAR_COMFYUI_HEADERS", '{"Authorization": "Bearer hidden"}')
    made = settings(tmp_path, remote_key="hidden", remote_url="http://far", **COMFY)
    assert "hidden" not in repr(made)
    registry = engine_registry(made)
    assert "hidden" not in repr(vars(registry))
    assert registry.engine("comfyui.comfyui_example")._pool.config.headers == {"Authorization": "Bearer hidden"}


def test_the_fallback_stands_behind_remote_engines_only(tmp_path):
    made = settings(tmp_path, fallback="remote,portrait", remote_key="k", remote_url="http://far", **COMFY)
    registry = engine_registry(made)
    assert isinstance(registry.engine("comfyui.comfyui_example"), FallbackEngine)
    assert not isinstance(registry.engine("remote"), FallbackEngine)


def test_draining(tmp_path, monkeypatch):
    with running(ComfyServer(make=lambda _graph, _uploads: b"")) as server:
        monkeypatch.setenv("SPARK_AVATAR_COMFYUI_URLS", server.url)
        monkeypatch.setenv("SPARK_AVATAR_DATA_DIR", str(tmp_path))

        def engines(*words):
            return CliRunner().invoke(cli, ["engines", *words])

        marks = open_drained_servers(settings(tmp_path))
        assert not marks.drained(server.url)
        assert engines("drain", f"{server.url}/").exit_code == 0
        assert engines("drain", server.url).exit_code == 0  # twice is as good as once
        assert marks.drained(server.url)
        assert "it is drained" in engines("check").stdout
        assert engines("resume", server.url).exit_code == 0
        assert not marks.drained(server.url)
        assert "it is drained" not in engines("check").stdout
        assert engines("drain", "http://other").exit_code != 0


def test_the_check_says_that_a_folder_holds_no_workflow(tmp_path, monkeypatch):
    folder = tmp_path / "graphs"
    folder.mkdir()
    monkeypatch.setenv("SPARK_AVATAR_COMFYUI_URLS", "http://gpu1:8188")
    monkeypatch.setenv("SPARK_AVATAR_COMFYUI_WORKFLOWS", str(folder))
    checked = CliRunner().invoke(cli, ["engines", "check"])
    assert checked.exit_code == 1
    assert "the folder graphs holds no workflow" in checked.stdout


def test_the_check_names_what_is_missing(tmp_path, monkeypatch):
    with running(ComfyServer(make=lambda _graph, _uploads: b"")) as server:
        monkeypatch.setenv("SPARK_AVATAR_COMFYUI_URLS", server.url)
        fine = CliRunner().invoke(cli, ["engines", "check"])
        assert (fine.exit_code, "ok" in fine.stdout) == (0, True)
        del server.nodes["RepeatImageBatch"]
        poor = CliRunner().invoke(cli, ["engines", "check", "--json"])
        assert poor.exit_code == 1
        (finding,) = json.loads(poor.stdout)
        assert "not installed: RepeatImageBatch" in finding["detail"]
