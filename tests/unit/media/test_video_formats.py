"""Every kind of video file: what is in it, and that it can be read back."""

from fractions import Fraction

import numpy as np
import pytest

from spark_avatar.media.preview import write_preview
from spark_avatar.media.samples import sample_speech
from spark_avatar.media.video import VideoWriter, probe_video, read_frames, read_transparent_frames
from spark_avatar.media.video_format import FORMATS, MOV, MP4, WEBM, format_of

CODECS = {"mp4": ("h264", "aac"), "webm": ("vp9", "opus"), "mov": ("prores", "pcm_s16le")}


def write(path, video, *, alpha=False, rate=25, count=30, audio=None, mark=None):
    frame = np.zeros((96, 128, 4 if alpha else 3), np.uint8)
    frame[..., :3] = [200, 100, 40]
    if alpha:
        frame[:, :60, 3], frame[:, 60:90, 3] = 255, 128
    with VideoWriter(
        path,
        width=128,
        height=96,
        frame_rate=Fraction(rate),
        audio=audio,
        seconds=count / rate,
        video=video,
        alpha=alpha,
        mark=mark,
    ) as writer:
        for number in range(writer.frames):
            frame[:10, :10, :3] = 3 * number
            writer.write(frame)
    return path


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60])
@pytest.mark.parametrize("name", FORMATS)
def test_pictures_and_sound_have_one_length(tmp_path, name, rate):
    path = write(tmp_path / f"video.{name}", FORMATS[name], rate=rate, audio=sample_speech())
    facts = probe_video(path)
    assert (facts.codec, facts.audio_codec) == CODECS[name]
    assert (facts.frames, facts.frame_rate) == (30, rate)
    assert facts.seconds == pytest.approx(30 / rate, abs=0.0011)  # WebM counts milliseconds
    assert facts.audio_seconds == pytest.approx(30 / rate, abs=1 / rate)
    assert facts.comment.startswith("AI-generated")
    assert np.abs(next(read_frames(path))[48, 64].astype(int) - [200, 100, 40]).max() <= 4


@pytest.mark.parametrize("video", [WEBM, MOV], ids=lambda video: video.name)
def test_opacity_is_kept(tmp_path, video):
    path = write(tmp_path / f"video{video.suffix}", video, alpha=True)
    shown = list(read_transparent_frames(path))
    assert len(shown) == 30
    for frame in shown:
        assert np.abs(frame[48, [30, 75, 110], 3].astype(int) - [255, 128, 0]).max() <= 3
        assert np.abs(frame[48, 30, :3].astype(int) - [200, 100, 40]).max() <= 4


def test_an_opaque_video_is_opaque(tmp_path):
    assert (next(read_transparent_frames(write(tmp_path / "video.mp4", MP4)))[..., 3] == 255).all()


def test_an_mp4_cannot_be_transparent(tmp_path):
    with pytest.raises(ValueError, match="mp4"):
        write(tmp_path / "video.mp4", MP4, alpha=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "expected"), [("a.mp4", MP4), ("A.WebM", WEBM), ("b.c.mov", MOV), ("a.mkv", None), ("mov", None)]
)
def test_the_suffix_names_the_format(tmp_path, name, expected):
    assert format_of(tmp_path / name) == expected


@pytest.mark.parametrize("alpha", [False, True])
def test_a_preview_moves_and_keeps_the_opacity(tmp_path, alpha):
    from PIL import Image

    path = write(tmp_path / "video.webm", WEBM, alpha=alpha, rate=30, count=75)
    write_preview(path, tmp_path / "preview.webp", transparent=alpha)
    with Image.open(tmp_path / "preview.webp") as preview:
        assert preview.format == "WEBP"
        assert preview.size == (128, 96)
        # Pictures that are alike may be one that is shown for longer.
        lengths = []
        for number in range(preview.n_frames):
            preview.seek(number)
            preview.load()
            lengths.append(preview.info["duration"])
        assert sum(lengths) == pytest.approx(2000, abs=20)
        assert preview.info["loop"] == 0
        assert (preview.convert("RGBA").getpixel((110, 48))[3] == 0) is alpha
