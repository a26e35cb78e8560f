"""A picture behind the person, and files that are no MP4: from the request to storage."""

import base64
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from plain_engine import PlainEngine, PlainOptions
from service_house import CALLER, House

from spark_avatar.errors import ImageTooManyBytes, ImageUrlInvalid, InvalidOptions
from spark_avatar.media.video import VideoWriter
from spark_avatar.media.video_format import WEBM
from spark_avatar.storage.keys import input_key, output_key, preview_key
from spark_avatar.tasks.task import TaskStatus


class SceneOptions(PlainOptions):
    background: str = "keep"

    @property
    def background_url(self):
        return self.background if ":" in self.background else None


class SceneEngine(PlainEngine):
    """Takes pictures for the background, and writes WebM."""

    def render(self, job, monitor):
        rendition = super().render(job, monitor)
        path = job.workdir / "plain.webm"
        frame = np.zeros((32, 32, 4), np.uint8)
        with VideoWriter(
            path,
            width=32,
            height=32,
            frame_rate=Fraction(25),
            audio=job.motion.path,
            seconds=rendition.seconds,
            video=WEBM,
            alpha=True,
        ) as video:
            for _ in range(video.frames):
                video.write(frame)
        return replace(rendition, path=path, format=WEBM, transparent=True)


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    made.engine = SceneEngine(Options=SceneOptions)
    return made


def run(house, task):
    runner = house.runner()
    runner.run(runner.claim())
    return house.task(task)


def test_a_webm_is_stored_and_named_as_one(house, image_url, audio_url):
    task = run(house, house.submit(image_url=image_url, audio_url=audio_url))
    assert task.status is TaskStatus.COMPLETED
    (output,) = task.outputs
    assert output.media_type == "video/webm"
    assert output.key == output_key(task.account_id, task.id, 1, ".webm")
    assert task.metadata["preview"] == preview_key(output.key)
    preview = b"".join(house.storage.read(preview_key(output.key), 0, 12))
    assert (preview[:4], preview[8:]) == (b"RIFF", b"WEBP")
    assert task.metadata["provenance"]["manifest"] is None


def test_a_picture_in_the_request_reaches_the_engine(house, image_url, audio_url):
    task = house.submit(image_url=image_url, audio_url=audio_url, background=image_url)
    key = input_key(CALLER.account_id, task.id, "background")
    stored = house.task(task).request
    assert (stored.background_url, "background" in stored.options) == (f"stored:{key}", False)
    assert b"".join(house.storage.read(key, 0, 10**6)) == base64.b64decode(image_url.partition(",")[2])
    assert run(house, task).status is TaskStatus.COMPLETED
    (job,) = house.engine.jobs
    assert job.background.facts.format == "png"
    house.tasks.cancel_or_delete(task.id, caller=CALLER)
    assert list(house.storage.list("inputs")) == []


def test_a_word_or_a_colour_stays_an_option(house, image_url, audio_url):
    task = house.submit(image_url=image_url, audio_url=audio_url, background="keep")
    assert house.task(task).request.options["background"] == "keep"
    assert run(house, task).status is TaskStatus.COMPLETED
    assert house.engine.jobs[0].background is None


@pytest.mark.parametrize(
    ("background", "error"),
    [
        ("data:image/png;base64," + "A" * 200_000, ImageTooManyBytes),
        ("stored:inputs/somebody/else/image", ImageUrlInvalid),
        ("file:///etc/passwd", ImageUrlInvalid),
        ("https://user:secret@example.org:99999/a.jpg", ImageUrlInvalid),
    ],
)
def test_an_address_is_checked_like_those_of_the_inputs(house, image_url, background, error):
    with pytest.raises(error):
        house.submit(background=background)
    assert list(house.storage.list("inputs")) == []


def test_a_background_that_is_no_picture_fails_the_task_and_says_which(house, image_url, audio_url):
    task = run(house, house.submit(image_url=image_url, audio_url=audio_url, background="data:text/plain,hello"))
    assert task.status is TaskStatus.FAILED
    assert "background" in task.failure.message


def test_an_engine_without_backgrounds_takes_none(house, tmp_path, image_url, audio_url):
    house.engine = PlainEngine()
    task = house.submit(image_url=image_url, audio_url=audio_url, background="https://example.org/room.jpg")
    stored = house.task(task).request
    assert (stored.background_url, stored.ignored) == ("", ("background",))
    with pytest.raises(InvalidOptions, match="behind"):
        house.runner().pipeline.render(
            tmp_path / "a", tmp_path / "b", tmp_path / "out", engine="plain", background=tmp_path / "a"
        )
