"""The playground, the tasks and what follows from them, in a real browser against a real server that renders."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.management_house import EVIL, needs_chromium
from browser.studio_house import Studio, data_url, flat_picture, open_studio
from playwright.sync_api import Page, Route, expect

from acceptance.conftest import RATE, finish, write_wav
from spark_avatar.media.audio import read_samples
from spark_avatar.media.samples import sample_portrait, sample_speech

pytestmark = needs_chromium
ROOT = Path(__file__).parents[2]
HEAVIEST_BYTES = 150_000
MOST_SHIFT = 0.1
"""Cumulative layout shift that counts as good (web.dev/cls)."""
RENDERS_MS = 60_000
PLAYED = """new Promise(done => {
  const look = () => video.currentTime > 0.3 || video.error ? done(video.currentTime) : requestAnimationFrame(look);
  look();
})"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(scope="module")
def word(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of speech."""
    return write_wav(tmp_path_factory.mktemp("word") / "word.wav", read_samples(sample_speech(), rate=RATE)[:RATE], RATE)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_portrait(tmp_path_factory.mktemp("portrait") / "portrait.jpg")


@pytest.fixture(scope="module")
def inputs(portrait: Path, word: Path) -> dict[str, str]:
    """Both, inside a request."""
    return {"image_url": data_url(portrait.read_bytes(), "image/jpeg"), "audio_url": data_url(word.read_bytes(), "audio/wav")}


@pytest.fixture(scope="module")
def done(studio: Studio, inputs: dict[str, str]) -> dict:
    """A completed task."""
    task = studio.finished(**inputs, crop="face", seed=7)
    assert task["status"] == "completed", task
    return task


@pytest.fixture(scope="module")
def failed(studio: Studio, inputs: dict[str, str]) -> dict:
    """A task whose picture shows nobody."""
    task = studio.finished(**inputs | {"image_url": data_url(flat_picture(), "image/png")})
    assert task["status"] == "failed", task
    return task


def clean(page: Page) -> None:
    """Nothing was complained of, and no name became a script."""
    assert page.faults == []
    assert page.evaluate("window.evil") is None
    page.close()


def file_field(page: Page, card: str):
    return page.locator(f"#{card} input[type=file]")


def test_a_portrait_and_speech_become_a_video_that_plays(studio: Studio, word: Path) -> None:
    page = studio.page("/", width=1440, height=1000)
    expect(page.locator("#generate")).to_be_disabled()
    page.locator("#portrait [data-sample]").press("Enter")
    file_field(page, "recording").set_input_files(word)
    expect(page.locator("#portrait .findings .good")).to_contain_text("one face", timeout=20_000)
    expect(page.locator("#recording .findings .good")).to_contain_text("of speech", timeout=20_000)
    assert page.locator("#overlay rect.box").count() == 1
    assert page.locator("#overlay path.edges").get_attribute("d").count("M") > 1000
    assert page.locator("#wave rect.speech").count() >= 1
    expect(page.locator("#estimate")).to_have_text("About $0.007 for 1.0 s of video")
    page.locator("#seek").press("End")
    expect(page.locator("#clock")).to_have_text("0:01 / 0:01")
    page.get_by_text("Face", exact=True).click()
    page.locator("#option-resolution").select_option("360p")
    expect(page.locator("#changed")).to_have_text("2 changed")
    page.locator("#generate").press("Enter")
    expect(page.locator("#cancel")).to_be_visible()
    expect(page.locator("#video")).to_be_visible(timeout=RENDERS_MS)
    assert page.evaluate(PLAYED) > 0.3
    assert page.evaluate("video.error") is None
    assert page.evaluate("video.videoHeight") == 360
    link = page.locator("#download").get_attribute("href")
    assert studio.http.get(link).headers["content-type"] == "video/mp4"
    page.locator("#again").click()
    expect(page.locator("#takes .take")).to_have_count(2, timeout=RENDERS_MS)
    expect(page.locator("#takes .take[aria-pressed=true]")).to_have_text("Take 2")
    facts = page.locator("#result-facts").inner_text()
    page.locator("#takes .take").first.click()
    expect(page.locator("#result-facts")).not_to_have_text(facts)  # another seed
    clean(page)


def ready_to_go(studio: Studio, portrait: Path, word: Path) -> Page:
    """The playground with both inputs, small and quick."""
    page = studio.page("/", width=1440, height=1000)
    file_field(page, "portrait").set_input_files(portrait)
    file_field(page, "recording").set_input_files(word)
    page.locator("#option-resolution").select_option("360p")
    expect(page.locator("#estimate")).to_have_text("About $0.007 for 1.0 s of video", timeout=20_000)
    return page


def test_a_task_that_is_cancelled_while_it_is_sent_does_not_run_on(studio: Studio, portrait: Path, word: Path) -> None:
    page = ready_to_go(studio, portrait, word)
    held: list[Route] = []
    page.route("**/model/v1/generation", lambda route: held.append(route))
    with page.expect_request("**/model/v1/generation"):
        page.locator("#generate").click()
    page.locator("#cancel").click()
    with page.expect_response("**/model/v1/generation") as made:
        held[0].continue_()
    expect(page.locator("#toasts")).to_contain_text("Cancelled")
    expect(page.locator("#generate")).to_be_visible()
    assert finish(studio.client, made.value.json()["id"])["error"]["code"] == "003016031"
    clean(page)


def test_whoever_comes_back_finds_the_task(studio: Studio, portrait: Path, word: Path) -> None:
    page = ready_to_go(studio, portrait, word)
    page.locator("#generate").click()
    page.wait_for_url("**/?task=*")
    page.reload()
    expect(page.locator("#video")).to_be_visible(timeout=RENDERS_MS)
    expect(page.locator("#option-resolution")).to_have_value("360p")
    expect(page.locator("#result-facts")).to_contain_text(f"seed {page.locator('#option-seed').input_value()}")
    page.locator("#details").click()
    expect(page.locator("figcaption")).to_have_text([portrait.name, word.name])
    expect(page).to_have_title(f"{portrait.name}, {word.name} · Spark Avatar")
    page.go_back()
    expect(page.locator("#video")).to_be_visible(timeout=20_000)
    page.goto(f"{studio.server.url}/?task=00000000-0000-0000-0000-000000000000")
    expect(page.locator("#toasts")).to_contain_text("no such task")
    expect(page.locator("#option-resolution")).to_be_visible()  # it can be used all the same
    page.faults.clear()  # the browser notes the refusal itself
    clean(page)


def test_an_answer_to_an_earlier_filter_comes_too_late(studio: Studio, done: dict, failed: dict) -> None:
    page = studio.page("/tasks", width=1440, height=900)
    expect(page.locator(f"tr[data-id='{done['id']}']")).to_have_count(1)
    held: list[Route] = []
    page.route(re.compile("/api/v1/tasks.*status=failed"), lambda route: held.append(route))
    with page.expect_request(re.compile("status=failed")):
        page.locator("#status").select_option("failed")
    page.locator("#status").select_option("completed")
    expect(page.locator(f"tr[data-id='{failed['id']}']")).to_have_count(0)
    with page.expect_response(re.compile("status=failed")):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator(f"tr[data-id='{failed['id']}']")).to_have_count(0)
    expect(page.locator(f"tr[data-id='{done['id']}']")).to_have_count(1)
    clean(page)


def test_a_price_for_earlier_options_comes_too_late(studio: Studio, portrait: Path, word: Path) -> None:
    page = ready_to_go(studio, portrait, word)
    held: list[Route] = []
    page.route("**/precharge*", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/precharge*"):
        page.locator("#option-head_motion").fill("0.5")
    with page.expect_response("**/precharge*"):
        page.locator("#option-head_motion").fill("0.75")
    with page.expect_response("**/precharge*"):
        held[0].fulfill(status=400, json={"message": "That cannot be."})
    page.wait_for_timeout(300)
    expect(page.locator("#estimate")).to_have_text("About $0.007 for 1.0 s of video")
    expect(page.locator("#generate")).to_be_enabled()
    page.faults.clear()  # the browser notes the refusal itself
    clean(page)


def test_a_sample_does_not_take_the_place_of_what_was_chosen_meanwhile(studio: Studio, word: Path) -> None:
    page = studio.page("/")
    held: list[Route] = []
    page.route("**/samples/speech.flac", lambda route: held.append(route))
    with page.expect_request("**/samples/speech.flac"):
        page.locator("#recording [data-sample]").click()
    file_field(page, "recording").set_input_files(word)
    expect(page.locator("#recording-length")).to_have_text("1.0 s", timeout=20_000)
    with page.expect_response("**/samples/speech.flac"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#recording-length")).to_have_text("1.0 s")
    clean(page)


def test_usage_of_days_that_were_chosen_before_comes_too_late(studio: Studio, done: dict) -> None:
    page = studio.page("/usage", width=1440, height=900)
    chart = page.locator(".chart")
    month = chart.get_attribute("aria-label")
    held: list[Route] = []
    page.route("**/api/v1/usage*group=day", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/api/v1/usage*group=day"):
        page.get_by_text("90 days").click()
    page.get_by_text("7 days").click()
    expect(chart).not_to_have_attribute("aria-label", month)
    week = chart.get_attribute("aria-label")
    with page.expect_response("**/api/v1/usage*group=day"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(chart).to_have_attribute("aria-label", week)
    clean(page)


def test_to_cancel_what_has_ended_meanwhile_deletes_nothing(studio: Studio, done: dict) -> None:
    page = studio.page("/tasks")

    def before(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"status": "running", "stage": "render", "progress": 0.5})

    page.route(f"**/api/v1/tasks/{done['id']}", before, times=1)
    page.route("**/events", lambda route: route.abort())
    page.goto(f"{studio.server.url}/tasks/{done['id']}")
    expect(page.locator("#end")).to_have_text("Cancel")
    page.locator("#end").click()
    expect(page.locator("#toasts")).to_contain_text("ended already")
    expect(page.locator("#end")).to_have_text("Delete")
    assert studio.http.get(f"/model/v1/generation/task/{done['id']}").json()["status"] == "completed"
    page.faults.clear()  # the browser notes the refusal itself
    clean(page)


def test_what_is_wrong_with_the_inputs_is_told_at_once(studio: Studio, tmp_path: Path) -> None:
    page = studio.page("/")
    picture = tmp_path / f"{EVIL.replace('/', '_')}.png"
    picture.write_bytes(flat_picture())
    file_field(page, "portrait").set_input_files(picture)
    expect(page.locator("#portrait .findings .bad")).to_contain_text("No face was found", timeout=20_000)
    silence = write_wav(tmp_path / "silence.wav", read_samples(sample_speech(), rate=RATE)[:RATE] * 0, RATE)
    file_field(page, "recording").set_input_files(silence)
    expect(page.locator("#recording .findings .bad")).to_contain_text("silent", timeout=20_000)
    text = tmp_path / "words.png"
    text.write_text("no picture at all")
    page.faults.clear()
    file_field(page, "portrait").set_input_files(text)
    expect(page.locator("#portrait .findings .bad")).to_contain_text("upload a picture")
    expect(page.locator("#portrait img")).to_be_hidden()
    expect(page.locator("#unseen")).to_be_visible()
    expect(page.locator("#generate")).to_be_disabled()
    expect(page.locator("#estimate")).to_have_text("Choose another portrait and another recording to begin.")
    expect(page.locator("#screen-hint")).to_be_hidden()
    assert all("415" in fault or "ERR_" in fault for fault in page.faults), page.faults  # the browser notes the refusal itself
    page.faults.clear()
    file_field(page, "portrait").set_input_files(picture)
    expect(page.locator("#portrait img")).to_be_visible()
    expect(page.locator("#unseen")).to_be_hidden()
    clean(page)


def test_what_is_missing_is_said(studio: Studio, portrait: Path, word: Path, tmp_path: Path) -> None:
    page = studio.page("/")
    said = page.locator("#estimate")
    expect(said).to_have_text("Add a portrait and speech to begin.")
    file_field(page, "recording").set_input_files(word)
    expect(said).to_have_text("Add a portrait to begin.")
    nobody = tmp_path / "nobody.png"
    nobody.write_bytes(flat_picture())
    file_field(page, "portrait").set_input_files(nobody)
    expect(said).to_have_text("Choose another portrait to begin.")
    file_field(page, "portrait").set_input_files(portrait)
    expect(said).to_have_text("About $0.007 for 1.0 s of video")
    clean(page)


def test_camera_and_microphone_are_inputs_too(studio: Studio) -> None:
    page = studio.page("/")
    page.locator("#camera-open").click()
    page.locator("#shoot:not([disabled])").click()
    expect(page.locator("#portrait .findings .bad")).to_contain_text(
        "face", timeout=20_000
    )  # the pretended camera shows a test card
    page.locator("#record").click()
    expect(page.locator("#recorder-clock")).to_have_text("0:02", timeout=10_000)
    page.locator("#record").click()
    expect(page.locator("#recording .findings .good, #recording .findings .warn, #recording .findings .bad").first).to_be_visible(
        timeout=20_000
    )
    assert page.locator("#recording audio").evaluate("audio => audio.src").startswith("blob:")
    clean(page)


def test_the_form_holds_every_option_of_the_spec(studio: Studio) -> None:
    page = studio.page("/")
    spec = studio.http.get("/api/v1/skill/models/spark_avatar_picture_omni_v2/spec").json()["data"]
    options = [row["name"] for row in spec["parameters"] if not row["name"].endswith("_url")]
    expect(page.locator("#options .field")).to_have_count(len(options))
    page.locator("#option-background").select_option("A colour")
    page.locator("#option-head_motion").fill("0.5")
    page.get_by_label("Label", exact=True).check()
    page.locator("#show-code").click()
    for language, said in (
        ("curl", '"head_motion": 0.5'),
        ("python", '"label": True'),
        ("cli", "--background '#00b140' --head-motion '0.5' --label"),
    ):
        page.locator(f"#language input[value={language}]").check()
        expect(page.locator("#snippet")).to_contain_text(said)
    assert "true" not in page.locator("#snippet").inner_text()
    page.locator("#code [data-close]").click()
    page.locator("#reset").click()
    expect(page.locator("#changed")).to_be_hidden()
    clean(page)


def test_the_list_shows_what_happens(studio: Studio, done: dict, failed: dict, inputs: dict[str, str]) -> None:
    page = studio.page("/tasks", width=1440, height=900)
    expect(page.locator(f"tr[data-id='{done['id']}']")).to_contain_text("Completed")
    assert (
        page.locator(f"tr[data-id='{done['id']}'] img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 360
    )
    fresh = studio.create(**inputs)
    expect(page.locator(f"tr[data-id='{fresh}']")).to_contain_text("Completed", timeout=RENDERS_MS)  # nobody reloaded
    page.locator("#status").select_option("failed")
    expect(page.locator(f"tr[data-id='{done['id']}']")).to_have_count(0)
    expect(page.locator(f"tr[data-id='{failed['id']}']")).to_contain_text("No face was found")
    page.locator("#text").fill(EVIL)
    expect(page.locator("#none")).to_contain_text("Nothing matches")
    page.get_by_role("button", name="Show all tasks").click()
    page.locator(f"tr[data-id='{fresh}'] a").click()
    page.wait_for_url(f"**/tasks/{fresh}")
    expect(page.locator(".timeline li")).not_to_have_count(0)
    page.locator("#end").click()
    page.get_by_role("button", name="Keep it").click()
    page.locator("#end").click()
    page.locator("dialog[open] button[value=yes]").click()
    page.wait_for_url("**/tasks")
    assert studio.http.get(f"/api/v1/tasks/{fresh}").status == 404
    clean(page)


def test_a_task_can_be_repeated_opened_and_shared(studio: Studio, done: dict) -> None:
    page = studio.page(f"/tasks/{done['id']}", width=1440, height=900)
    expect(page.locator("#download")).to_be_visible()
    saved = studio.http.get(page.locator("#download").get_attribute("href"))
    assert f'filename="spark-avatar-{done["id"][:8]}.mp4"' in saved.headers["content-disposition"]
    page.locator("#share").click()
    page.locator("#share-hours").select_option("1")
    page.locator("#share-make").click()
    expect(page.locator("#share-url")).to_have_value(re.compile("signature="))
    link = page.locator("#share-url").input_value()
    stranger = studio.context.browser.new_context()
    assert stranger.request.get(link).headers["content-type"] == "video/mp4"
    stranger.close()
    page.locator("#share-dialog [data-close]").click()
    page.locator("#repeat").click()
    page.wait_for_url(lambda address: "/tasks/" in address and done["id"] not in address)
    expect(page.locator("#status")).to_contain_text("Completed", timeout=RENDERS_MS)
    again = studio.http.get(f"/api/v1/tasks/{page.url.rpartition('/')[2]}").json()
    assert (again["options"], again["task"]["metadata"]["seed"]) == ({"resolution": "360p", "crop": "face"}, 7)
    page.locator("#open").click()
    expect(page.locator("#portrait .findings .good")).to_be_visible(timeout=20_000)
    expect(page.locator("#recording .findings .good")).to_be_visible(timeout=20_000)
    expect(page.locator("#option-resolution")).to_have_value("360p")
    expect(page.locator("#generate")).to_be_enabled()
    clean(page)


def test_a_failed_task_tells_its_meaning_and_the_way_out(studio: Studio, failed: dict, inputs: dict[str, str]) -> None:
    page = studio.page(f"/tasks/{failed['id']}")
    expect(page.locator("#title")).to_have_text("No face was found")
    expect(page.locator(".note.bad")).to_contain_text("The way out")
    clean(page)
    odd = studio.finished(**inputs | {"image_url": "https://example.invalid/<script>window.evil=true</script>"})
    page = studio.page(f"/tasks/{odd['id']}")
    expect(page.locator(".inputs")).to_contain_text("<script>")
    clean(page)


def test_the_meaning_of_every_code_of_a_task_is_known() -> None:
    documented = set(re.findall(r"^\| `(003016\d+)` \|", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE))
    known = set(re.findall(r'"(003016\d+)":', (ROOT / "src/spark_avatar/console/static/js/error_help.js").read_text()))
    assert known == documented


def test_usage_is_what_the_ledger_says(studio: Studio, done: dict) -> None:
    page = studio.page("/usage", width=1440, height=900)
    expect(page.locator(".chart .column")).to_have_count(1)
    page.locator("#as-table").check()
    table = page.locator("table").first
    expect(table).to_be_visible()
    shown = Decimal(table.locator("tbody tr td").last.inner_text().removeprefix("$"))
    entries = studio.http.get("/api/v1/ledger?limit=100").json()["data"]["entries"]
    captured = -sum(Decimal(entry["amount"]) for entry in entries if entry["kind"] == "capture")
    assert shown == captured > 0
    sheet = studio.http.get(page.locator("#csv").get_attribute("href")).text()
    assert sum(Decimal(line.rpartition(",")[2]) for line in sheet.split()[1:]) == captured
    clean(page)


def test_models_and_system_tell_what_there_is(studio: Studio) -> None:
    page = studio.page("/models")
    expect(page.locator(".parameters tbody tr").first).to_contain_text("image_url")
    page.get_by_text("A prompt for agents").click()
    expect(page.locator("pre").first).to_contain_text("Create a task")
    clean(page)
    page = studio.page("/system")
    expect(page.locator("#system")).to_contain_text("This server takes work")
    expect(page.locator("#system tbody tr")).to_have_count(1)
    page.locator("#check").click()
    expect(page.locator("#engines")).to_contain_text("None is set up")
    clean(page)


PLACES = ["/", "/tasks", "/tasks/{id}", "/usage", "/models", "/system", "/keys", "/webhooks", "/members", "/settings", "/device"]


def settled(page: Page) -> None:
    """Until what the page loads is there."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".skeleton")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", PLACES)
def test_pages_are_accessible_light_and_dark(place: str, theme: str, studio: Studio, done: dict) -> None:
    page = studio.page("/sign-in")
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto(studio.server.url + place.format(id=done["id"]))
    settled(page)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).response["violations"]
    grave = [
        (each["id"], node["html"][:160], node["failureSummary"][:300])
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    assert grave == []
    clean(page)


@pytest.mark.parametrize("place", PLACES)
def test_pages_fit_a_small_screen_stay_still_and_weigh_little(place: str, studio: Studio, done: dict) -> None:
    page = studio.page("/sign-in", width=360, height=740)
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(each => { window.shift += each.value; }))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(studio.server.url + place.format(id=done["id"]))
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("window.shift") < MOST_SHIFT
    weight = page.evaluate(
        "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        ".filter(each => !/\\/v1\\/files|\\/samples/.test(each.name)).reduce((sum, each) => sum + each.decodedBodySize, 0)"
    )
    assert 5_000 < weight < HEAVIEST_BYTES
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    clean(page)


def test_the_choice_of_colours_stays(studio: Studio) -> None:
    page = studio.page("/tasks", width=1440, height=900)
    page.emulate_media(color_scheme="light")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_text("Dark", exact=True).click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    page.get_by_text("Auto", exact=True).click()
    assert page.evaluate(background) == light
    clean(page)
