"""The written video: frame-exact, in the right colours, seekable, whole or not there at all."""

import resource
import threading
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.errors import AudioUnreadable, GenerationError, InputError
from spark_avatar.media.image import write_image
from spark_avatar.media.recording import Recording
from spark_avatar.media.video import VideoWriter, frame_count, probe_video, read_frames

PAL = Fraction(25)
NTSC = Fraction(30000, 1001)
SIZE = 64


def sound_file(path, seconds, rate=44100, channels=2, codec="pcm_s16le"):
    """Channel i plays 300 * (i + 1) Hz."""
    time = np.arange(round(seconds * rate)) / rate
    samples = np.stack([0.3 * np.sin(2 * np.pi * 300 * (i + 1) * time) for i in range(channels)]).astype(np.float32)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(samples, "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def picture(i, width=SIZE, height=SIZE):
    """A grey ramp that moves: frame i can be told from its neighbours."""
    return np.tile(((np.arange(width) * 2 + 8 * i) % 256).astype(np.uint8)[None, :, None], (height, 1, 3))


def write_video(path, seconds, frame_rate=PAL, audio=None, width=SIZE, height=SIZE, make=picture):
    with VideoWriter(path, width=width, height=height, frame_rate=frame_rate, audio=audio, seconds=seconds) as video:
        for i in range(video.frames):
            video.write(make(i, width, height))
    return path


def decoded_sound(path):
    with Recording(path) as recording:
        return np.concatenate(list(recording.blocks()), axis=1), recording.sample_rate


def pitch(samples, rate):
    return np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * rate / len(samples)


# --- length


@given(seconds=st.floats(0.01, 1000), rate=st.fractions(1, 120, max_denominator=1001))
def test_frames_cover_the_sound_by_less_than_one(seconds, rate):
    length = frame_count(seconds, rate) / rate
    assert length >= seconds - float(1 / rate) / 999
    assert length - seconds < float(1 / rate) or frame_count(seconds, rate) == 1


@pytest.mark.parametrize(
    ("seconds", "rate", "frames"), [(10.0, PAL, 250), (0.1 + 0.2, Fraction(10), 3), (10.001, PAL, 251), (0, PAL, 1)]
)
def test_frame_count(seconds, rate, frames):
    assert frame_count(seconds, rate) == frames


@pytest.mark.parametrize("frame_rate", [PAL, NTSC, Fraction(24000, 1001), Fraction(60), Fraction(25, 2), Fraction(17, 3)])
@pytest.mark.parametrize("seconds", [0.2, 1.0, 1.017, 2.96])
def test_picture_and_sound_end_together(tmp_path, frame_rate, seconds):
    audio = sound_file(tmp_path / "s.wav", seconds)
    facts = probe_video(write_video(tmp_path / "v.mp4", seconds, frame_rate, audio))
    assert facts.frame_rate == frame_rate
    assert facts.frames == frame_count(seconds, frame_rate)
    assert facts.seconds == pytest.approx(facts.frames / float(frame_rate), abs=2e-4)
    assert facts.audio_seconds == pytest.approx(facts.frames / float(frame_rate), abs=1 / 44100)
    assert abs(facts.audio_seconds - seconds) <= 1 / frame_rate


@pytest.mark.parametrize("recorded", [0.5, 3.0])
def test_sound_is_filled_or_cut_to_the_picture(tmp_path, recorded):
    audio = sound_file(tmp_path / "s.wav", recorded)
    path = write_video(tmp_path / "v.mp4", 1.0, audio=audio)
    assert probe_video(path).audio_seconds == 1.0
    samples, rate = decoded_sound(path)
    tail = np.abs(samples[:, int(0.8 * rate) : int(0.95 * rate)]).max()
    assert (tail < 0.001) == (recorded < 1)


def test_frames_come_back_in_order(tmp_path):
    frames = list(read_frames(write_video(tmp_path / "v.mp4", 0.8)))
    assert len(frames) == 20
    for i, frame in enumerate(frames):
        errors = [np.abs(frame.astype(int) - picture(j)).mean() for j in range(20)]
        assert np.argmin(errors) == i


# --- sound


@pytest.mark.parametrize(
    ("rate", "channels", "expected_rate", "expected_channels"),
    [
        (44100, 2, 44100, 2),
        (22050, 1, 22050, 1),
        (8000, 1, 8000, 1),
        (48000, 2, 48000, 2),
        (96000, 6, 48000, 2),
        (88200, 1, 48000, 1),
        (18900, 1, 22050, 1),
    ],
)
def test_sound_keeps_its_rate_and_channels_where_aac_can(tmp_path, rate, channels, expected_rate, expected_channels):
    audio = sound_file(tmp_path / "s.wav", 1.0, rate, channels)
    path = write_video(tmp_path / "v.mp4", 1.0, audio=audio)
    facts = probe_video(path)
    assert (facts.audio_codec, facts.audio_rate, facts.audio_channels) == ("aac", expected_rate, expected_channels)
    samples, rate = decoded_sound(path)
    assert pitch(samples[0], rate) == pytest.approx(300, abs=3)
    if channels == 2:
        assert pitch(samples[1], rate) == pytest.approx(600, abs=3)


@pytest.mark.parametrize("codec", ["pcm_s16le", "libmp3lame", "aac"])
def test_sound_stays_in_step(tmp_path, codec):
    """A click at 0.5 s of the recording is heard at 0.5 s of the video."""
    samples = np.zeros((1, 48000), np.float32)
    samples[0, 24000:24048] = 0.9
    audio = tmp_path / {"pcm_s16le": "s.wav", "libmp3lame": "s.mp3", "aac": "s.m4a"}[codec]
    with av.open(str(audio), "w") as container:
        stream = container.add_stream(codec, rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    heard, rate = decoded_sound(write_video(tmp_path / "v.mp4", 1.0, audio=audio))
    assert np.argmax(np.abs(heard[0])) / rate == pytest.approx(0.5, abs=0.002)


def test_no_sound_track_without_a_recording(tmp_path):
    facts = probe_video(write_video(tmp_path / "v.mp4", 0.4))
    assert facts.audio_codec is None
    assert facts.audio_seconds is None


def test_sound_and_picture_lie_side_by_side_in_the_file(tmp_path):
    """A player that streams needs both at once: no second of one is far from the same second of the other."""
    path = write_video(tmp_path / "v.mp4", 8.0, audio=sound_file(tmp_path / "s.wav", 8.0))
    latest = {"video": 0.0, "audio": 0.0}
    worst = 0.0
    with av.open(str(path)) as container:
        packets = sorted((p for p in container.demux() if p.size), key=lambda p: p.pos)
        for packet in packets:
            latest[packet.stream.type] = float(packet.dts * packet.time_base)
            worst = max(worst, abs(latest["video"] - latest["audio"]))
    assert worst < 1.5


# --- picture


def test_format(tmp_path):
    facts = probe_video(write_video(tmp_path / "v.mp4", 1.0, width=96, height=66))
    assert (facts.codec, facts.profile, facts.pix_fmt) == ("h264", "High", "yuv420p")
    assert (facts.width, facts.height) == (96, 66)
    assert facts.comment == "AI-generated video (Spark Avatar)"


def test_tags_say_bt709_limited(tmp_path):
    with av.open(str(write_video(tmp_path / "v.mp4", 0.4))) as container:
        frame = next(container.decode(video=0))
        context = container.streams.video[0].codec_context
    assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
    assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (1, 1, 1, 1)


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (224, 172, 140), (90, 56, 37), (128, 128, 128)]


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_come_back(tmp_path, colour):
    path = write_video(tmp_path / "v.mp4", 0.2, make=lambda i, w, h: np.full((h, w, 3), colour, np.uint8))
    for frame in read_frames(path):
        np.testing.assert_allclose(frame[SIZE // 2, SIZE // 2].astype(int), colour, atol=3)


@pytest.mark.parametrize("colour", COLOURS)
def test_stored_values_are_those_of_bt709(tmp_path, colour):
    """ITU-R BT.709-6, 3.2 to 3.4, written out."""
    path = write_video(tmp_path / "v.mp4", 0.2, make=lambda i, w, h: np.full((h, w, 3), colour, np.uint8))
    red, green, blue = np.array(colour) / 255
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    expected = 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748
    with av.open(str(path)) as container:
        planes = next(container.decode(video=0)).to_ndarray()
    stored = planes[SIZE // 2, 5], planes[SIZE + 5, 5], planes[SIZE + SIZE // 4 + 5, 5]
    np.testing.assert_allclose(np.array(stored, int), expected, atol=2)


def test_untagged_small_video_is_read_as_bt601(tmp_path):
    path = tmp_path / "old.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width = stream.height = SIZE
        planes = np.concatenate([np.full(SIZE * SIZE, 81), np.full(SIZE * SIZE // 4, 90), np.full(SIZE * SIZE // 4, 240)])
        frame = av.VideoFrame.from_ndarray(planes.astype(np.uint8).reshape(SIZE * 3 // 2, SIZE), "yuv420p")  # red in BT.601
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    np.testing.assert_allclose(next(read_frames(path))[30, 30].astype(int), (255, 0, 0), atol=4)


def test_rotated_video_is_read_upright(tmp_path):
    path = tmp_path / "phone.mp4"
    upright = np.zeros((96, 64, 3), np.uint8)
    upright[:20] = 255  # sky
    lying = np.ascontiguousarray(np.rot90(upright))  # as a phone stores it: to be shown turned clockwise
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 96, 64
        stream.set_display_rotation(-90)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(lying)))
        container.mux(stream.encode(None))
    frame = next(read_frames(path))
    assert frame.shape == (96, 64, 3)
    assert frame[5].mean() > 200
    assert frame[-5].mean() < 50


def test_index_stands_in_front(tmp_path):
    data = write_video(tmp_path / "v.mp4", 1.0, audio=sound_file(tmp_path / "s.wav", 1.0)).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_every_two_seconds_a_player_can_start(tmp_path):
    path = write_video(tmp_path / "v.mp4", 7.0)
    with av.open(str(path)) as container:
        keys = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.is_keyframe]
    assert keys[0] == 0
    assert max(np.diff([*keys, 7.0])) <= 2.0


def test_same_frames_same_file(tmp_path):
    audio = sound_file(tmp_path / "s.wav", 1.0)
    first, second = (write_video(tmp_path / name, 1.0, audio=audio).read_bytes() for name in ("a.mp4", "b.mp4"))
    assert first == second


# --- use


def test_the_frame_may_be_reused_after_write(tmp_path):
    path = tmp_path / "v.mp4"
    frame = np.zeros((SIZE, SIZE, 3), np.uint8)
    with VideoWriter(path, width=SIZE, height=SIZE, frame_rate=PAL, audio=None, seconds=1.0) as video:
        for i in range(video.frames):
            frame[:] = 10 * i
            video.write(frame)
    levels = [frame.mean() for frame in read_frames(path)]
    np.testing.assert_allclose(levels, [10 * i for i in range(25)], atol=3)


def test_views_that_are_not_contiguous(tmp_path):
    path = tmp_path / "v.mp4"
    with VideoWriter(path, width=SIZE, height=SIZE, frame_rate=PAL, audio=None, seconds=0.2) as video:
        for i in range(video.frames):
            video.write(picture(i)[:, ::-1])
    assert np.abs(next(read_frames(path)).astype(int) - picture(0)[:, ::-1]).mean() < 4


@pytest.mark.parametrize(("width", "height"), [(63, 64), (64, 63), (0, 64), (-2, 64)])
def test_sides_must_be_even(tmp_path, width, height):
    with pytest.raises(ValueError, match="even"):
        VideoWriter(tmp_path / "v.mp4", width=width, height=height, frame_rate=PAL, audio=None, seconds=1.0)


def writer(path, seconds=1.0, audio=None):
    return VideoWriter(path, width=SIZE, height=SIZE, frame_rate=PAL, audio=audio, seconds=seconds)


@pytest.mark.parametrize("frame", [np.zeros((SIZE, SIZE + 2, 3), np.uint8), np.zeros((SIZE, SIZE, 3), np.float32)])
def test_other_frames_are_refused(tmp_path, frame):
    with pytest.raises(ValueError, match="expected a frame"), writer(tmp_path / "v.mp4") as video:
        video.write(frame)
    assert list(tmp_path.iterdir()) == []


def attempt(path, frames, seconds=1.0, audio=None, breaking_off=None):
    """Writes so many frames, then leaves as usual or by an exception."""
    noise = np.random.default_rng(0).integers(0, 255, (40, SIZE, SIZE, 3), dtype=np.uint8)
    with writer(path, seconds, audio) as video:
        for i in range(frames):
            video.write(noise[i % 40])
        if breaking_off:
            raise breaking_off


def test_too_many_frames(tmp_path):
    with pytest.raises(ValueError, match="all 25 frames"):
        attempt(tmp_path / "v.mp4", 26)


def test_too_few_frames(tmp_path):
    with pytest.raises(GenerationError, match="3 of 25 frames"):
        attempt(tmp_path / "v.mp4", 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("written", [0, 1, 20, 25])
def test_nothing_remains_of_a_video_that_was_broken_off(tmp_path, written):
    audio = sound_file(tmp_path / "s.wav", 1.0)
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        attempt(tmp_path / "v.mp4", written, audio=audio, breaking_off=KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == [audio]
    assert threading.active_count() == threads


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(GenerationError, match="No such file or directory") as caught:
        attempt(tmp_path / "no" / "v.mp4", 25)
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize("seconds", [0.6, 20.0])
def test_disk_that_runs_full(tmp_path, seconds):
    """Whether it shows in the last frames or long before them."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(GenerationError, match="could not be written"):
            attempt(tmp_path / "v.mp4", frame_count(seconds, PAL), seconds)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_recording_that_is_none(tmp_path):
    audio = tmp_path / "speech.wav"
    audio.write_text("hello")
    with pytest.raises(AudioUnreadable):
        writer(tmp_path / "v.mp4", audio=audio)
    assert list(tmp_path.iterdir()) == [audio]


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF\x24\0\0\0WAVE"])
def test_what_is_no_video(tmp_path, content):
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a video"):
        probe_video(path)
    with pytest.raises(InputError, match="not a video"):
        next(read_frames(path))


@pytest.mark.parametrize(
    ("name", "codec", "told"),
    [
        ("s.wav", "pcm_s16le", "a WAV sound, not a video"),
        ("s.mp3", "mp3", "an MP3 sound, not a video"),
        ("s.mp4", "aac", "an MP4 video that holds sound only"),
    ],
)
def test_sound_alone_is_no_video(tmp_path, name, codec, told):
    with pytest.raises(InputError, match=told):
        probe_video(sound_file(tmp_path / name, 0.5, codec=codec))


def test_the_cover_of_a_sound_is_no_video(tmp_path):
    path = tmp_path / "s.mp3"
    with av.open(str(sound_file(tmp_path / "bare.mp3", 0.5, codec="mp3"))) as bare, av.open(str(path), "w") as covered:
        sound, cover = covered.add_stream_from_template(bare.streams.audio[0]), covered.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = SIZE, SIZE, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        covered.mux(cover.encode(av.VideoFrame.from_ndarray(picture(0), "rgb24")))
        covered.mux(cover.encode(None))
        for packet in bare.demux(bare.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                covered.mux(packet)
    with av.open(str(path)) as covered:
        assert len(covered.streams.video) == 1
    with pytest.raises(InputError, match="an MP3 sound, not a video"):
        probe_video(path)


def test_a_picture_is_no_video(tmp_path):
    write_image(tmp_path / "p.jpg", picture(0))
    with pytest.raises(InputError, match="a JPEG picture, not a video"):
        probe_video(tmp_path / "p.jpg")


def test_damaged_video(tmp_path):
    path = write_video(tmp_path / "v.mp4", 2.0)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start + 1000 :] = bytes(len(data) - start - 1000)
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        list(read_frames(path))
