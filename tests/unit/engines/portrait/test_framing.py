"""Size of the video, window and texture."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE
from spark_avatar.engines.portrait.framing import RESOLUTIONS, build_canvas, frame_size
from spark_avatar.engines.portrait.sampling import sample


@pytest.mark.parametrize(
    ("image", "resolution", "expected"),
    [
        ((512, 512), "source", (512, 512)),
        ((641, 479), "source", (640, 478)),  # an odd row and column are cropped
        ((1024, 1536), "source", (1024, 1536)),
        ((4000, 3000), "source", (1440, 1080)),
        ((3000, 4000), "source", (1080, 1440)),
        ((4000, 1000), "source", (1920, 480)),
        ((512, 512), "720p", (720, 720)),
        ((800, 1200), "360p", (360, 540)),
        ((1920, 1080), "2160p", (3840, 2160)),
    ],
)
def test_known_sizes(image, resolution, expected):
    assert frame_size(image, resolution) == expected


@given(width=st.integers(64, 4096), height=st.integers(64, 4096), resolution=st.sampled_from(["source", *RESOLUTIONS]))
def test_sides_are_even_and_the_aspect_is_the_pictures(width, height, resolution):
    frame = frame_size((width, height), resolution)
    assert all(side % 2 == 0 and 16 <= side <= 4096 for side in frame)
    # Both sides are within a pixel of the picture's, scaled alike.
    assert abs(frame[0] * height - frame[1] * width) <= width + height


def test_unknown_resolution():
    with pytest.raises(KeyError):
        frame_size((512, 512), "8K")


@pytest.mark.parametrize("size", [(512, 512), (360, 360), (700, 700), (1080, 1080)])
def test_texture_averages_to_the_frame(astronaut, size):
    canvas = build_canvas(astronaut, size)
    x0, y0, x1, y1 = canvas.window
    assert canvas.base.shape == (size[1], size[0], 3)
    assert canvas.texture.shape == ((y1 - y0) * TEXTURE_SCALE, (x1 - x0) * TEXTURE_SCALE, 3)
    averaged = cv2.resize(canvas.texture, canvas.size, interpolation=cv2.INTER_AREA)
    difference = np.abs(averaged.astype(int) - canvas.base[y0:y1, x0:x1])
    assert difference.max() <= 2


def test_at_its_own_size_the_frame_is_the_picture(astronaut):
    assert (build_canvas(astronaut, (512, 512)).base == astronaut.image).all()


def test_odd_pictures_lose_their_last_row_and_column(cropped):
    face = cropped(20, 0, 421, 333)
    canvas = build_canvas(face, frame_size((401, 333)))
    assert (canvas.base == face.image[:332, :400]).all()


def test_landmarks_follow_the_picture(astronaut):
    small = build_canvas(astronaut, (512, 512))
    large = build_canvas(astronaut, (1024, 1024))
    in_frame = [canvas.points[:, :2] + canvas.window[:2] for canvas in (small, large)]
    np.testing.assert_allclose((in_frame[0] + 0.5) * 2 - 0.5, in_frame[1])
    assert large.eye_distance == pytest.approx(2 * small.eye_distance)
    assert large.native_scale == pytest.approx(0.5)


def test_window_holds_the_head_and_stays_in_the_frame(astronaut):
    canvas = build_canvas(astronaut, (512, 512))
    x0, y0, x1, y1 = canvas.window
    assert 0 <= x0 < x1 <= 512
    assert 0 <= y0 < y1 <= 512
    assert (x1 - x0) * (y1 - y0) < 0.6 * 512 * 512  # the astronaut is small in her picture: most of it never moves
    width, height = canvas.size
    face = canvas.points[:468, :2]
    assert (face > 20).all()
    assert (face < [width - 20, height - 20]).all()


def test_black_and_white_is_noticed(astronaut):
    assert not build_canvas(astronaut, (512, 512)).grey
    grey = np.repeat(astronaut.image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert build_canvas(replace(astronaut, image=grey), (512, 512)).grey


@pytest.mark.parametrize("shift", [0.25, 0.5, 0.75])
def test_grain_of_a_large_picture_is_as_strong_in_motion_as_at_rest(painted_face, shift):
    grain = np.random.default_rng(2).normal(0, 30, painted_face.image.shape[:2])[..., None]
    noisy = replace(painted_face, image=np.clip(painted_face.image + grain, 0, 255).astype(np.uint8))
    canvas = build_canvas(noisy, (256, 256))
    x, y = np.meshgrid(np.arange(60, 120, dtype=np.float32), np.arange(60, 120, dtype=np.float32))

    def strength(dx):
        places = np.dstack([(x + dx + 0.5) * TEXTURE_SCALE - 0.5, (y + 0.5) * TEXTURE_SCALE - 0.5])
        grey = sample(canvas.texture, places).mean(axis=2)
        return float(np.abs(np.diff(grey, axis=1)).mean())

    assert 0.75 < strength(shift) / strength(0) < 1.25
