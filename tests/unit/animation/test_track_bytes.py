from fractions import Fraction

import numpy as np
import pytest

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.animation.track_bytes import pack_track, unpack_track
from spark_avatar.errors import InvalidOptions


def track(frames: int) -> AnimationTrack:
    rng = np.random.default_rng(3)

    def noise(*shape: int) -> np.ndarray:
        return rng.random(shape, np.float32)

    return AnimationTrack(
        Fraction(30000, 1001), noise(frames, len(BLENDSHAPES)), noise(frames, 3), noise(frames, 3), noise(frames)
    )


def test_a_track_comes_back_to_the_bit() -> None:
    packed = track(40)
    found = unpack_track(pack_track(packed))
    assert found.frame_rate == packed.frame_rate
    for name in ("blendshapes", "head_rotation", "head_translation", "breath"):
        assert np.array_equal(getattr(found, name), getattr(packed, name))
        assert getattr(found, name).dtype == np.float32


def test_a_part_has_its_frames_only() -> None:
    whole = track(10)
    part = whole.part(3, 7)
    assert len(part) == 4
    assert np.array_equal(part.breath, whole.breath[3:7])
    assert np.array_equal(part.blendshapes, whole.blendshapes[3:7])


@pytest.mark.parametrize("damaged", [b"", b"PK", pack_track(track(3))[:200]])
def test_what_is_no_packed_track_is_refused(damaged: bytes) -> None:
    with pytest.raises(InvalidOptions):
        unpack_track(damaged)
