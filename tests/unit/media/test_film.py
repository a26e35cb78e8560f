"""Films of phones and old cameras: frames at their times, in the shape in which players show them."""

from fractions import Fraction

import av
import numpy as np
import pytest

from spark_avatar.errors import InputError
from spark_avatar.media.film import probe_film, read_film

PHONE = (0, 1, 2, 4, 5, 8, 9, 10, 12, 13)
"""Of thirtieths of a second, those in which a phone in the dark took a picture."""


def film(path, milliseconds, *, rate=30, size=(64, 64), aspect=Fraction(1), base=Fraction(1, 1000)):
    """A film whose frame i is shown at `milliseconds[i]` and has the grey 20 * i."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx" if path.suffix == ".webm" else "libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = base
        stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.max_b_frames = 0
        for number, time in enumerate(milliseconds):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 20 * number % 240, np.uint8), "rgb24")
            frame.time_base, frame.pts = base, round(Fraction(time, 1000) / base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path):
    return list(read_film(path, probe_film(path)))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_frames_come_at_the_times_at_which_they_were_filmed(tmp_path, suffix):
    path = film(tmp_path / f"film{suffix}", [1000 * tick // 30 for tick in PHONE])
    frames = read(path)
    np.testing.assert_allclose([frame.seconds for frame in frames], np.array(PHONE) / 30, atol=0.002)
    np.testing.assert_allclose([frame.image.mean() for frame in frames], [20 * i % 240 for i in range(len(PHONE))], atol=4)
    assert probe_film(path).frames == len(PHONE)
    assert probe_film(path).frame_rate == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(120)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_constant_rate_is_told_exactly(tmp_path, rate, suffix):
    path = film(tmp_path / f"film{suffix}", [round(1000 * i / rate) for i in range(40)], rate=rate, base=1 / rate)
    assert probe_film(path).frame_rate == rate
    assert read(path)[39].seconds == pytest.approx(float(39 / rate), abs=0.002)


def test_a_rate_that_a_header_makes_up_is_not_believed(tmp_path):
    jitter = np.random.default_rng(1).integers(-8, 9, 50)
    path = film(tmp_path / "recorded.webm", [int(40 * i + 20 + jitter[i]) for i in range(50)], rate=1000)
    assert probe_film(path).frame_rate == pytest.approx(25, abs=1)
    np.testing.assert_allclose([frame.seconds for frame in read(path)], np.arange(50) / 25, atol=0.018)


def test_a_recorder_that_starts_anew_is_no_pause(tmp_path):
    """Timestamps that leap by an hour, as in films that were strung together."""
    path = film(tmp_path / "film.mkv", [*range(0, 400, 40), *range(3_600_000, 3_600_400, 40)], rate=25)
    np.testing.assert_allclose([frame.seconds for frame in read(path)], np.arange(20) / 25, atol=0.002)


@pytest.mark.parametrize(
    ("aspect", "shown"),
    [(Fraction(2), (128, 64)), (Fraction(1, 2), (64, 128)), (Fraction(4, 3), (85, 64)), (Fraction(1), (64, 64))],
)
def test_pixels_are_square(tmp_path, aspect, shown):
    frames = read(film(tmp_path / "wide.mp4", [0, 33], aspect=aspect))
    assert frames[0].image.shape == (shown[1], shown[0], 3)


def test_a_header_with_a_shape_that_no_film_has_is_not_believed(tmp_path):
    assert read(film(tmp_path / "lie.mp4", [0, 33], aspect=Fraction(200)))[0].image.shape == (64, 64, 3)


def test_a_single_frame_is_a_film(tmp_path):
    frames = read(film(tmp_path / "one.mp4", [0]))
    assert [frame.seconds for frame in frames] == [0]


def test_text_is_no_film(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_text("hello")
    with pytest.raises(InputError, match="The file is text, not a video"):
        probe_film(path)
