"""Workflow files, their mappings, and the check against a server."""

import json

import pytest
from comfyui_server import NODES

from spark_avatar.engines.comfyui.check import check_workflow
from spark_avatar.engines.comfyui.workflow import SHIPPED, JobValues, read_workflow, read_workflows
from spark_avatar.engines.options import validate_options
from spark_avatar.errors import ConfigurationError, InvalidOptions

GRAPH = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}, "_meta": {"title": "#image"}},
    "2": {"class_type": "LoadAudio", "inputs": {"audio": "a.wav"}, "_meta": {"title": "#Audio "}},
    "3": {
        "class_type": "Sampler",
        "inputs": {"noise_seed": 1, "steps": 20, "model": "wan.safetensors"},
        "_meta": {"title": "#seed"},
    },
    "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "a person talks"}, "_meta": {"title": "#prompt"}},
    "5": {"class_type": "WanSound", "inputs": {"length": 77, "image": ["1", 0]}, "_meta": {"title": "#frames"}},
    "6": {"class_type": "SaveVideo", "inputs": {"video": ["5", 0], "filename_prefix": "x"}, "_meta": {"title": "#output"}},
}
VALUES = {"image": "i.png", "audio": "s.wav", "seed": 9, "seconds": 2.0, "prefix": "p"}


@pytest.fixture
def workflow(tmp_path):
    def read(mapping=None, graph=GRAPH, name="talk"):
        (tmp_path / f"{name}.json").write_text(json.dumps(graph))
        if mapping is not None:
            (tmp_path / f"{name}.mapping.json").write_text(json.dumps(mapping))
        return read_workflow(tmp_path / f"{name}.json")

    return read


def test_titles_alone_are_enough(workflow):
    talk = workflow()
    assert (talk.id, talk.output) == ("talk", "6")
    filled = talk.fill(JobValues(**VALUES, options={"prompt": "she smiles"}))
    assert filled["1"]["inputs"]["image"] == "i.png"
    assert filled["2"]["inputs"]["audio"] == "s.wav"
    assert filled["3"]["inputs"]["noise_seed"] == 9
    assert filled["4"]["inputs"]["text"] == "she smiles"
    assert filled["5"]["inputs"] == {"length": 50, "image": ["1", 0]}
    assert filled["6"]["inputs"]["filename_prefix"] == "p"
    assert all("_meta" not in node for node in filled.values())
    assert talk.graph == GRAPH  # the template stays as it is
    assert talk.Options().model_dump() == {"prompt": "a person talks"}


def test_a_mapping_names_titles_as_the_editor_shows_them(workflow):
    graph = GRAPH | {"1": {**GRAPH["1"], "_meta": {"title": "#Her Picture"}}}
    assert workflow({"image": "#Her Picture"}, graph).slots["image"].node == "1"


def test_a_mapping_names_nodes_inputs_and_options(workflow):
    mapping = {
        "id": "wan-s2v",
        "frames": {"node": "5", "input": "length", "fps": 16, "multiple_of": 4, "plus": 1, "maximum": 81},
        "options": {"steps": {"node": "3", "type": "integer", "minimum": 1, "maximum": 50, "description": "More is finer."}},
    }
    talk = workflow(mapping)
    filled = talk.fill(JobValues(**VALUES, options={"steps": 30}))
    assert filled["5"]["inputs"]["length"] == 33  # 32 frames in 2 s, and of 4n + 1 the next
    assert filled["3"]["inputs"]["steps"] == 30
    assert talk.Options().steps == 20  # the workflow's own value
    schema = talk.Options.model_json_schema()["properties"]["steps"]
    assert (schema["type"], schema["minimum"], schema["maximum"], schema["default"]) == ("integer", 1, 50, 20)
    with pytest.raises(InvalidOptions, match="from 1 to 50"):
        validate_options(talk.Options, {"steps": 51})
    with pytest.raises(InvalidOptions, match=r"at most 5\.1 s"):
        talk.fill(JobValues(**{**VALUES, "seconds": 6.0}, options={}))


def test_a_seed_that_is_too_large_for_the_node_is_folded(workflow):
    talk = workflow({"seed": {"node": "3", "input": "noise_seed", "maximum": 2**31 - 1}})
    filled = talk.fill(JobValues(**{**VALUES, "seed": 2**31 + 4}, options={}))
    assert filled["3"]["inputs"]["noise_seed"] == 4


@pytest.mark.parametrize(
    ("mapping", "graph", "fault"),
    [
        (None, {"nodes": [], "links": []}, "Export"),
        (None, [], "API format"),
        (None, {"1": {"inputs": {}}}, "class_type"),
        (None, {key: node for key, node in GRAPH.items() if key != "2"}, "where the audio goes"),
        ({"image": "17"}, GRAPH, "no node '17'"),
        ({"image": "3"}, GRAPH, "no input called image or value"),
        ({"picture": "1"}, GRAPH, "picture"),
        ({"options": {"seed": {"node": "3", "type": "integer"}}}, GRAPH, "`seed` is a parameter of every model"),
        ({"options": {"steps": {"node": "3", "type": "integer", "maximum": 10}}}, GRAPH, "default of the option `steps`"),
        ({"options": {"source": {"node": "5", "input": "image", "type": "string"}}}, GRAPH, "wired to another node"),
        (None, {**GRAPH, "7": GRAPH["1"]}, "two of its nodes"),
    ],
)
def test_faults_name_the_file_and_the_reason(workflow, mapping, graph, fault):
    with pytest.raises(ConfigurationError, match=fault) as caught:
        workflow(mapping, graph)
    assert "talk" in caught.value.message


def test_a_folder_of_workflows(workflow, tmp_path):
    workflow(name="a")
    workflow({"id": "bee"}, name="b")
    assert [found.id for found in read_workflows(tmp_path)] == ["a", "bee"]
    workflow({"id": "a"}, name="c")
    with pytest.raises(ConfigurationError, match="one id"):
        read_workflows(tmp_path)
    with pytest.raises(ConfigurationError, match="not there"):
        read_workflows(tmp_path / "absent")


def test_the_shipped_workflow_needs_core_nodes_only():
    (example,) = read_workflows(SHIPPED)
    report = check_workflow(example, lambda kind: {"input": NODES[kind]} if kind in NODES else None)
    assert report.fine
    assert report.text() == "all nodes and models are there"


def test_what_is_missing_is_named(workflow):
    described = {
        "LoadImage": {"input": NODES["LoadImage"]},
        "LoadAudio": {"input": NODES["LoadAudio"]},
        "Sampler": {"input": {"required": {"model": [["flux.safetensors"]], "cfg": ["FLOAT", {}], "noise_seed": ["INT"]}}},
        "SaveVideo": {"input": {"required": {"codec": ["COMBO", {"options": ["auto"]}]}}},
        "CLIPTextEncode": {"input": {}},
    }
    report = check_workflow(workflow(), described.get)
    assert report.missing_nodes == ("WanSound",)
    assert report.missing_choices == ("'wan.safetensors' for Sampler.model (there are: flux.safetensors)",)
    assert report.missing_inputs == ("Sampler.cfg", "SaveVideo.codec")
    assert not report.fine
