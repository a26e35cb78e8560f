"""The watermark: not seen, survives copies, and is found in nothing else."""

from pathlib import Path

import numpy as np
import pytest
from made_videos import encode_anew, scene, write

from spark_avatar.media.video import read_frames
from spark_avatar.provenance.lattice import STEP, bend, brightness, lattice, unbend
from spark_avatar.provenance.watermark import SMALLEST_SIDE, THRESHOLD, WatermarkPattern, likeness, read_watermark

IDENTITY = 0x1B4E28BA2FA14D2C


class Mark:
    """The watermark alone, as a mark of frames."""

    worth_encoding = False

    def __init__(self) -> None:
        self.pattern = WatermarkPattern(IDENTITY)

    def restart(self) -> None:
        self.pattern = WatermarkPattern(IDENTITY)

    def draw(self, frame: np.ndarray) -> None:
        self.pattern.draw(frame)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("marked") / "marked.mp4", scene(1), Mark())


def found(video: Path) -> int | None:
    mark = read_watermark(read_frames(video))
    return mark.identity if mark else None


def test_the_transform_loses_nothing() -> None:
    transform = lattice().transform
    assert np.allclose(transform @ transform.T, np.eye(len(transform)), atol=1e-12)


def test_steps_grow_and_are_reversible() -> None:
    numbers = np.linspace(-60, 60, 1001)
    assert np.allclose(unbend(bend(numbers)), numbers)
    assert np.all(np.diff(bend(numbers)) > 0)


def test_every_number_leans_to_its_bit_once_it_is_moved() -> None:
    places = lattice()
    numbers = np.random.default_rng(3).normal(0, 20, places.bit.shape)
    codeword = np.random.default_rng(4).integers(0, 2, 306).astype(np.int8)
    moved = places.moved(numbers, codeword)
    assert np.allclose(places.leaning(moved), 1.0 - 2.0 * codeword[places.bit])
    assert np.all(np.abs(bend(moved) - bend(numbers)) <= STEP / 2 + 1e-9)


def test_it_is_read_from_the_video(marked: Path) -> None:
    assert found(marked) == IDENTITY


@pytest.mark.parametrize(("crf", "scale"), [(28, 1.0), (18, 0.5), (28, 0.5)], ids=["crf 28", "half size", "both"])
def test_it_survives_copies(marked: Path, tmp_path: Path, crf: int, scale: float) -> None:
    assert found(encode_anew(marked, tmp_path / "copy.mp4", crf=crf, scale=scale)) == IDENTITY


@pytest.mark.parametrize("size", [(360, 640), (1280, 720), (256, 256)])
def test_any_size_carries_it(size: tuple[int, int]) -> None:
    frames = scene(5, size=size, frames=3)
    pattern = WatermarkPattern(IDENTITY)
    assert all(pattern.draw(frame) for frame in frames)
    mark = read_watermark(frames)
    assert mark is not None
    assert mark.identity == IDENTITY


def test_it_is_not_seen() -> None:
    picture = scene(6, frames=1)[0]
    marked = picture.copy()
    WatermarkPattern(IDENTITY).draw(marked)
    change = marked.astype(int) - picture
    assert 10 * np.log10(255**2 / np.mean(change**2)) > 42


def test_even_ground_is_touched_least() -> None:
    even = np.full((512, 512, 3), 120, np.uint8)
    marked = even.copy()
    WatermarkPattern(IDENTITY).draw(marked)
    change = marked.astype(int) - even
    assert np.abs(change).max() <= 4
    assert np.sqrt(np.mean(change**2)) < 1


def test_what_stands_still_stays_still() -> None:
    frames = scene(7, frames=8)
    pattern = WatermarkPattern(IDENTITY)
    changes = []
    for frame in frames:
        marked = np.clip(frame, 20, 235)  # nothing is cut off at black and white
        before = marked.copy()
        pattern.draw(marked)
        changes.append(marked.astype(int) - before)
    assert all(np.array_equal(change, changes[0]) for change in changes)


def test_videos_without_it_have_none() -> None:
    for seed in range(10):
        frames = scene(100 + seed, size=(256, 256), frames=9)
        numbers = np.stack([lattice().numbers(brightness(frame)) for frame in frames])
        _, fits, score = likeness(numbers)
        assert not fits
        assert score < THRESHOLD
        assert read_watermark(frames) is None


def test_a_small_frame_is_left_alone() -> None:
    frame = np.full((SMALLEST_SIDE - 2, 400, 3), 90, np.uint8)
    assert not WatermarkPattern(IDENTITY).draw(frame)
    assert (frame == 90).all()


def test_no_frames_have_no_watermark() -> None:
    assert read_watermark([]) is None
