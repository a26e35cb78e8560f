"""Metrics with a meaning, as a scraper reads them."""

from pathlib import Path

import httpx
from contract_house import Worker
from prometheus_client.parser import text_string_to_metric_families
from strict_client import StrictClient

MODEL = "spark_avatar_picture_omni_v2"
FLAT = {"model": MODEL, "image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}
DOCS = Path(__file__).parents[2] / "docs" / "operations.md"


def scrape(http: httpx.Client) -> dict[tuple[str, str], float]:
    """Values by name and stage."""
    return {
        (sample.name, sample.labels.get("stage", "")): sample.value
        for family in text_string_to_metric_families(http.get("/metrics").text)
        for sample in family.samples
    }


def test_a_completed_task_counts_and_goes_on_counting(client: StrictClient, http: httpx.Client, worker: Worker) -> None:
    before = scrape(http)
    task_id = client.create(FLAT)["id"]
    worker.complete(*worker.start(task_id))
    after = scrape(http)
    http.delete(f"/model/v1/generation/task/{task_id}")

    def grown(name: str, stage: str = "") -> float:
        return after[name, stage] - before.get((name, stage), 0.0)

    assert grown("spark_avatar_stage_tasks_total", "queue") == grown("spark_avatar_stage_tasks_total", "task") == 1
    assert grown("spark_avatar_stage_seconds_total", "queue") >= 0
    assert abs(grown("spark_avatar_video_seconds_total") - 5.96) < 1e-6
    kept = scrape(http)
    assert kept["spark_avatar_video_seconds_total", ""] == after["spark_avatar_video_seconds_total", ""]


def test_every_metric_is_documented(http: httpx.Client) -> None:
    documented = DOCS.read_text()
    names = {family.name for family in text_string_to_metric_families(http.get("/metrics").text)}
    # The library adds when it began to count, as `..._created`.
    ours = {name for name in names if name.startswith("spark_avatar_") and not name.endswith("_created")}
    assert len(ours) >= 5
    assert {name for name in ours if f"`{name}" not in documented} == set()
