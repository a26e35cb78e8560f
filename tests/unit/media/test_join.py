"""Parts of a video, put together: nothing is lost, nothing is doubled, and the time stamps are those of one video."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from spark_avatar.errors import GenerationError
from spark_avatar.media.audio import read_samples
from spark_avatar.media.join import PartsDiffer, join
from spark_avatar.media.samples import sample_speech
from spark_avatar.media.video import VideoWriter, probe_video, read_frames

SIDE = 64


def picture(number):
    """A bar of 8 pixels that tells the frame's number."""
    frame = np.full((SIDE, SIDE, 3), 60, np.uint8)
    frame[:, 8 * (number % 8) : 8 * (number % 8) + 8] = 60 + 2 * (number % 90)
    return frame


def write(path, numbers, *, rate=Fraction(25), audio=None, side=SIDE):
    seconds = len(numbers) / rate
    with VideoWriter(path, width=side, height=side, frame_rate=rate, audio=audio, seconds=float(seconds)) as video:
        for number in numbers:
            video.write(picture(number) if side == SIDE else np.zeros((side, side, 3), np.uint8))
    return path


def shown(path):
    with av.open(str(path)) as file:
        return [frame.pts * frame.time_base for frame in file.decode(video=0)]


def packets(path, kind):
    with av.open(str(path)) as file:
        return [(p.dts, p.pts, p.duration) for p in file.demux(file.streams.get({kind: 0})[0]) if p.dts is not None]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30), Fraction(30000, 1001)])
def test_joined_parts_are_the_video_that_was_written_in_one_go(tmp_path, rate):
    numbers, audio = list(range(190)), sample_speech()
    whole = write(tmp_path / "whole.mp4", numbers, rate=rate, audio=audio)
    edges = [0, 61, 71, 137, 190]
    ranges = itertools.pairwise(edges)
    parts = [write(tmp_path / f"{first}.mp4", numbers[first:end], rate=rate) for first, end in ranges]
    join(parts, tmp_path / "joined.mp4", audio=audio)
    assert probe_video(tmp_path / "joined.mp4") == probe_video(whole)
    assert shown(tmp_path / "joined.mp4") == shown(whole)
    assert packets(tmp_path / "joined.mp4", "audio") == packets(whole, "audio")
    assert np.array_equal(read_samples(tmp_path / "joined.mp4"), read_samples(whole))
    for number, frame in enumerate(read_frames(tmp_path / "joined.mp4")):
        assert np.abs(frame.astype(int) - picture(number)).max() < 25, f"frame {number} is another one"
    times = [dts for dts, _, _ in packets(tmp_path / "joined.mp4", "video")]
    assert times == sorted(set(times))


def test_every_part_begins_with_a_picture_that_players_can_seek_to(tmp_path):
    parts = [write(tmp_path / f"{i}.mp4", list(range(i * 20, i * 20 + 20))) for i in range(3)]
    join(parts, tmp_path / "joined.mp4", audio=None)
    with av.open(str(tmp_path / "joined.mp4")) as file:
        keys = [frame.pts * frame.time_base for frame in file.decode(video=0) if frame.key_frame]
    assert keys == [Fraction(0), Fraction(20, 25), Fraction(40, 25)]


@pytest.mark.parametrize("other", [{"rate": Fraction(30)}, {"side": 96}])
def test_parts_that_were_encoded_differently_are_refused(tmp_path, other):
    parts = [write(tmp_path / "0.mp4", list(range(20))), write(tmp_path / "1.mp4", list(range(20)), **other)]
    with pytest.raises(PartsDiffer):
        join(parts, tmp_path / "joined.mp4", audio=None)
    assert not (tmp_path / "joined.mp4").exists()


def test_parts_too_short_to_be_told_from_others_are_refused(tmp_path):
    parts = [write(tmp_path / "0.mp4", list(range(20))), write(tmp_path / "1.mp4", [1])]
    with pytest.raises(PartsDiffer):
        join(parts, tmp_path / "joined.mp4", audio=None)


def test_a_damaged_part_leaves_no_file(tmp_path):
    part = write(tmp_path / "0.mp4", list(range(20)))
    (tmp_path / "1.mp4").write_bytes(part.read_bytes()[:300])
    with pytest.raises(GenerationError):
        join([part, tmp_path / "1.mp4"], tmp_path / "joined.mp4", audio=None)
    assert not (tmp_path / "joined.mp4").exists()
