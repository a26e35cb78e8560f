"""Discovery: envelopes, spec and contract follow from the engine's options."""

import httpx

MODEL = "spark_avatar_picture_omni_v2"


def data_of(response: httpx.Response) -> dict:
    assert response.status_code == 200
    body = response.json()
    assert body.keys() == {"data", "status"}
    assert body["status"] == {"code": 200, "message": "ok"}
    return body["data"]


def test_models_are_listed_without_a_key(stranger: httpx.Client) -> None:
    page = data_of(
        stranger.get("/api/v1/skill/models", params={"page": 1, "page_size": 20, "type": "video", "keywords": "avatar"})
    )
    (model,) = page["models"]
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (1, 1, 20, 1)
    assert (model["id"], model["type"]) == (MODEL, "video")
    assert model["input_modalities"] == ["image", "audio"]
    assert model["output_modalities"] == ["video"]
    assert model["name"]
    assert model["description"]


def test_filters_and_pages_can_leave_nothing(stranger: httpx.Client) -> None:
    for query in ({"type": "image"}, {"keywords": "avatar piano"}):
        assert data_of(stranger.get("/api/v1/skill/models", params=query)) == {
            "models": [],
            "total": 0,
            "page": 1,
            "page_size": 20,
            "total_pages": 0,
        }
    assert data_of(stranger.get("/api/v1/skill/models", params={"page": 2}))["models"] == []


def test_the_spec_lists_inputs_and_engine_options(stranger: httpx.Client, server: str) -> None:
    spec = data_of(stranger.get(f"/api/v1/skill/models/{MODEL}/spec"))
    assert spec["api"]["endpoint"] == f"{server}/model/v1/generation"
    assert spec["api"]["method"] == "POST"
    assert spec["api"]["headers"]["Authorization"].startswith("Bearer")
    found = {parameter["name"]: parameter for parameter in spec["parameters"]}
    assert {"image_url", "audio_url", "seed", "fps", "resolution", "expressiveness", "head_motion"} <= found.keys()
    assert [name for name, parameter in found.items() if parameter["required"]] == ["image_url", "audio_url"]
    assert found["image_url"]["path"] == "input[0].params.image_url"
    assert found["fps"]["constraints"]["default"] == 25
    assert 25 in found["fps"]["constraints"]["enum"]
    assert (found["expressiveness"]["constraints"]["min"], found["expressiveness"]["constraints"]["max"]) == (0, 2)
    assert all(parameter["description"] and parameter["children"] == [] for parameter in found.values())
    prompt = spec["agent_prompt"]
    for needed in (spec["api"]["endpoint"], MODEL, "/task/", "Authorization: Bearer", *found):
        assert needed in prompt


def test_the_contract_holds_a_json_schema(stranger: httpx.Client) -> None:
    contract = data_of(stranger.get(f"/api/v1/skill/model-contracts/{MODEL}"))
    assert contract["schema_version"] == "model-contract.v1"
    assert (contract["kind"], contract["protocol"], contract["body_mode"]) == ("multimodal", "generation", "generation_wrapper")
    assert contract["model_id"] == MODEL
    assert contract["endpoints"]["submit"] == {"method": "POST", "path": "/model/v1/generation"}
    assert contract["endpoints"]["status"]["path"] == "/model/v1/generation/task/{id}"
    assert contract["endpoints"]["cancel"] == {"method": "DELETE", "path": "/model/v1/generation/task/{id}"}
    schema = contract["input_schema"]
    assert schema["required"] == ["image_url", "audio_url"]
    assert schema["properties"]["fps"]["default"] == 25
    assert contract["examples"][0]["input"].keys() == {"image_url", "audio_url"}
    assert len(contract["revision"]) == 12


def test_an_unknown_model_is_a_404_in_the_envelope_and_in_the_error_form(stranger: httpx.Client) -> None:
    for path in ("/api/v1/skill/models/nope/spec", "/api/v1/skill/model-contracts/nope"):
        response = stranger.get(path)
        assert response.status_code == 404
        body = response.json()
        assert body["data"] is None
        assert body["status"]["code"] == 404
        assert body["status"]["message"] == body["message"] == body["error"]["message"]
        assert body["request_id"] == response.headers["x-request-id"]


def test_the_description_is_served_and_the_pages_of_strangers_are_not(stranger: httpx.Client) -> None:
    document = stranger.get("/openapi.json").json()
    assert "/model/v1/generation" in document["paths"]
    assert "TaskView" in document["components"]["schemas"]
    assert "jobId" in document["components"]["schemas"]["ContentView"]["properties"]
    create = document["paths"]["/model/v1/generation"]["post"]
    assert create["security"] == [{name: ["generate"]} for name in document["components"]["securitySchemes"]]
    assert len(create["requestBody"]["content"]["application/json"]["schema"]["anyOf"]) == 2
    assert "security" not in document["paths"]["/api/v1/skill/models"]["get"]
    assert stranger.get("/docs").status_code == stranger.get("/redoc").status_code == 404
