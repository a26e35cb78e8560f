"""Recordings of every kind: measured by decoding, read as mono, refused with a reason."""

import struct
import wave
from fractions import Fraction

import av
import numpy as np
import pytest

from spark_avatar.errors import AudioSilent, AudioTooLong, AudioUnreadable
from spark_avatar.media.audio import probe_audio, read_samples
from spark_avatar.media.limits import MEBIBYTE, MediaLimits
from spark_avatar.media.recording import Recording

LIMITS = MediaLimits()


def tone(seconds, rate, channels=1, frequency=440.0, level=0.3):
    """(channels, n) float32; each channel after the first is half as loud as the one before."""
    wave_ = np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave_ * level / 2**i for i in range(channels)]).astype(np.float32)


def encode(path, samples, rate, codec, layout=None, **options):
    layout = layout or {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_wav(path, samples, rate):
    """16-bit PCM by the standard library, without a channel mask."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples.T * 32767).astype("<i2").tobytes())
    return path


def write_video(path, *, sound):
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        audio = container.add_stream("aac", rate=44100) if sound else None
        for i in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 9 * i, np.uint8))
            frame.pts = i
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(tone(1.0, 44100, 2), "fltp", "stereo")
            frame.sample_rate, frame.pts = 44100, 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def pitch(samples, rate):
    """Frequency of the strongest partial, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


def refused(path, error, limits=LIMITS):
    with pytest.raises(error) as caught:
        probe_audio(path, limits)
    assert str(path.parent) not in caught.value.message
    return caught.value


# --- what can be read


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels", "expected"),
    [
        ("s.wav", "pcm_s16le", 44100, 2, "pcm_s16le"),
        ("s.wav", "pcm_f32le", 48000, 1, "pcm_f32le"),
        ("s.wav", "pcm_mulaw", 8000, 1, "pcm_mulaw"),
        ("s.flac", "flac", 48000, 2, "flac"),
        ("s.mp3", "libmp3lame", 44100, 2, "mp3"),
        ("s.mp3", "libmp3lame", 16000, 1, "mp3"),
        ("s.m4a", "aac", 44100, 2, "aac"),
        ("s.mp4", "aac", 22050, 1, "aac"),
        ("s.ogg", "libopus", 48000, 1, "opus"),
        ("s.webm", "libopus", 48000, 2, "opus"),
    ],
)
def test_length_is_exact_in_every_format(tmp_path, name, codec, rate, channels, expected):
    seconds = 1.2345
    path = encode(tmp_path / name, tone(seconds, rate, channels), rate, codec)
    facts = probe_audio(path, LIMITS)
    assert (facts.codec, facts.sample_rate, facts.channels, facts.bytes) == (expected, rate, channels, path.stat().st_size)
    assert round(facts.seconds * rate) == round(seconds * rate)
    samples = read_samples(path)
    assert samples.dtype == np.float32
    assert len(samples) == round(facts.seconds * 16000)
    assert pitch(samples, 16000) == pytest.approx(440, abs=3)


@pytest.mark.parametrize(
    ("name", "codec"), [("s.wav", "pcm_s16le"), ("s.mp3", "libmp3lame"), ("s.m4a", "aac"), ("s.ogg", "libopus")]
)
def test_sound_stands_where_it_was_recorded(tmp_path, name, codec):
    """A click at 0.5 s is found at 0.5 s: no encoder's delay is left in."""
    samples = np.zeros((1, 48000), np.float32)
    samples[0, 24000:24048] = 0.9
    found = np.argmax(np.abs(read_samples(encode(tmp_path / name, samples, 48000, codec))))
    assert found == pytest.approx(8000, abs=24)


def test_stereo_is_mixed_to_its_mean(tmp_path):
    left, right = tone(0.5, 16000, frequency=400), tone(0.5, 16000, frequency=900)
    path = write_wav(tmp_path / "s.wav", np.concatenate([left, right]), 16000)
    np.testing.assert_allclose(read_samples(path), (left + right)[0] / 2, atol=2e-4)


def test_stereo_with_one_channel_inverted_is_heard(tmp_path):
    left = tone(1.0, 48000)
    path = write_wav(tmp_path / "s.wav", np.concatenate([left, -left]), 48000)
    assert np.abs(read_samples(path)).max() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_f64le"])
def test_floating_point_beyond_full_scale_is_made_quieter_not_clipped(tmp_path, codec):
    samples = tone(0.5, 16000, level=20.0)
    samples[0, 1000], samples[0, 2000] = np.inf, 1e30  # damage does not set the level
    path = encode(tmp_path / "s.wav" if codec == "pcm_f32le" else tmp_path / "s.mkv", samples, 16000, codec)
    read = read_samples(path)
    assert 0.98 < np.percentile(np.abs(read), 99) <= 1
    assert np.abs(np.fft.rfft(read * np.hanning(len(read)))[600:720]).max() < 3.0  # no third harmonic at 1320 Hz


@pytest.mark.parametrize("level", [0.5, 1.0, 1.1])
def test_floating_point_within_full_scale_stays_as_loud_as_it_is(tmp_path, level):
    read = read_samples(encode(tmp_path / "s.wav", tone(0.5, 16000, level=level), 16000, "pcm_f32le"))
    assert np.abs(read).max() == pytest.approx(min(level, 1.0), abs=0.01)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le"])
def test_full_scale_in_all_channels_does_not_clip(tmp_path, codec):
    loud = np.repeat(tone(0.5, 48000, level=0.99), 6, axis=0)
    samples = read_samples(encode(tmp_path / "s.wav", loud, 48000, codec))
    assert 0.9 < np.abs(samples).max() < 1.0
    assert pitch(samples, 16000) == pytest.approx(440, abs=3)
    assert np.abs(np.fft.rfft(samples * np.hanning(len(samples)))[600:720]).max() < 1.0  # no third harmonic at 1320 Hz


def test_8_khz_mono(tmp_path):
    path = write_wav(tmp_path / "telephone.wav", tone(1.0, 8000), 8000)
    facts = probe_audio(path, LIMITS)
    assert (facts.sample_rate, facts.channels, facts.seconds) == (8000, 1, 1.0)
    assert len(read_samples(path)) == 16000


@pytest.mark.parametrize("count", [1, 5, 50])
def test_a_few_samples_are_read_too(tmp_path, count):
    path = write_wav(tmp_path / "s.wav", np.full((1, count), 0.5), 44100)
    assert len(read_samples(path)) == round(count * 16000 / 44100)


def test_96_khz_surround(tmp_path):
    voice = np.zeros((6, 96000), np.float32)
    voice[2] = tone(1.0, 96000)[0]  # centre
    path = encode(tmp_path / "film.wav", voice, 96000, "pcm_s24le")
    facts = probe_audio(path, LIMITS)
    assert (facts.sample_rate, facts.channels, facts.seconds) == (96000, 6, 1.0)
    samples = read_samples(path)
    assert pitch(samples, 16000) == pytest.approx(440, abs=3)
    assert np.abs(samples).max() > 0.05


def test_channels_in_no_known_arrangement(tmp_path):
    path = write_wav(tmp_path / "studio.wav", np.repeat(tone(0.5, 16000), 9, axis=0), 16000)
    assert "9 channels" in refused(path, AudioUnreadable).message


def test_video_with_sound(tmp_path):
    path = write_video(tmp_path / "talk.mp4", sound=True)
    facts = probe_audio(path, LIMITS)
    assert facts.codec == "aac"
    assert facts.seconds == pytest.approx(1.0, abs=1e-4)
    assert pitch(read_samples(path), 16000) == pytest.approx(440, abs=3)


def test_numbers_that_are_none_become_silence(tmp_path):
    path = tmp_path / "odd.wav"
    samples = tone(0.5, 16000)
    samples[0, 100:110] = np.nan
    samples[0, 200:210] = np.inf
    encode(path, samples, 16000, "pcm_f32le")
    read = read_samples(path)
    assert np.isfinite(read).all()
    assert (read[100:110] == 0).all()
    assert np.abs(read).max() <= 1


def test_blocks_are_the_whole_sound_in_small_pieces(tmp_path):
    path = write_wav(tmp_path / "s.wav", tone(3.0, 44100, 2), 44100)
    with Recording(path) as recording:
        blocks = list(recording.blocks())
        assert recording.seconds == Fraction(3)
    assert max(block.shape[1] for block in blocks) < 44100 / 2
    np.testing.assert_allclose(np.concatenate(blocks, axis=1), tone(3.0, 44100, 2), atol=1e-4)


# --- damage


def mp3(tmp_path, seconds=2.0):
    return encode(tmp_path / "s.mp3", tone(seconds, 44100), 44100, "libmp3lame")


def test_truncated_mp3_is_used_as_far_as_it_goes(tmp_path):
    path = mp3(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    facts = probe_audio(path, LIMITS)
    assert 0.8 < facts.seconds < 1.2
    assert len(read_samples(path)) == round(facts.seconds * 16000)


@pytest.mark.parametrize(
    ("name", "codec"), [("s.mp3", "libmp3lame"), ("s.flac", "flac"), ("s.wav", "pcm_s16le"), ("s.mka", "libopus")]
)
def test_what_a_cut_file_lacks_is_known_where_its_header_tells(tmp_path, name, codec):
    sound = (0.1 * np.random.default_rng(1).standard_normal((1, 6 * 48000))).astype(np.float32)
    path = encode(tmp_path / name, sound, 48000, codec)
    assert probe_audio(path, LIMITS).missing_seconds < 0.1
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    facts = probe_audio(path, LIMITS)
    assert facts.seconds + facts.missing_seconds == pytest.approx(6, abs=0.1)
    assert facts.missing_seconds > 2


def test_a_length_that_is_guessed_from_the_bit_rate_is_no_measure(tmp_path):
    half_silent = tone(20.0, 44100)
    half_silent[:, 44100 * 2 :] = 0
    path = encode(tmp_path / "s.mp3", half_silent, 44100, "libmp3lame", q="9", flags="+qscale")
    data = path.read_bytes()
    mark = max(data.find(b"Xing"), data.find(b"Info"))
    path.write_bytes(data[:mark] + bytes(4) + data[mark + 4 :])
    assert probe_audio(path, LIMITS).missing_seconds == 0


def test_a_video_that_goes_on_after_its_sound_lacks_nothing(tmp_path):
    path = tmp_path / "talk.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        audio = container.add_stream("aac", rate=44100)
        for i in range(100):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), i, np.uint8))
            frame.pts = i
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(tone(1.0, 44100), "fltp", "mono")
        sound.sample_rate, sound.pts = 44100, 0
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    assert probe_audio(path, LIMITS).missing_seconds == 0


@pytest.mark.parametrize("begins", [0.0, 5.0])
def test_gaps_and_a_late_beginning_are_no_missing_end(tmp_path, begins):
    path = tmp_path / "s.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48000)
        stream.layout = "mono"
        for start in (begins, begins + 4):
            for first in range(48):
                frame = av.AudioFrame.from_ndarray(tone(0.02, 48000), "fltp", "mono")
                frame.sample_rate, frame.pts = 48000, round((start + first * 0.02) * 48000)
                frame.time_base = Fraction(1, 48000)
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    facts = probe_audio(path, LIMITS)
    assert facts.seconds < 2.1
    assert facts.missing_seconds < 0.1


def test_too_little_left_of_an_mp3(tmp_path):
    path = mp3(tmp_path)
    path.write_bytes(path.read_bytes()[:1500])
    refused(path, AudioUnreadable)


def test_damaged_middle_is_left_out(tmp_path):
    path = encode(tmp_path / "s.m4a", tone(4.0, 44100), 44100, "aac")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 800] = np.random.default_rng(3).bytes(800)
    path.write_bytes(data)
    assert 3.5 < probe_audio(path, LIMITS).seconds <= 4.0


def test_noise_behind_a_good_header(tmp_path):
    path = encode(tmp_path / "s.m4a", tone(4.0, 44100), 44100, "aac")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = b"\xff" * (end - start)
    path.write_bytes(data)
    assert "M4A sound that is damaged" in refused(path, AudioUnreadable).message


def test_mp4_cut_before_its_index(tmp_path):
    path = write_video(tmp_path / "talk.mp4", sound=True)
    path.write_bytes(path.read_bytes()[:3000])
    assert "MP4 video that is damaged" in refused(path, AudioUnreadable).message


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, 0x7FFFFFF0])
def test_wav_whose_header_lies(tmp_path, claimed):
    path = write_wav(tmp_path / "s.wav", tone(1.5, 16000), 16000)
    data = bytearray(path.read_bytes())
    position = data.index(b"data") + 4
    data[position : position + 4] = struct.pack("<I", claimed)
    data[4:8] = struct.pack("<I", min(claimed + 36, 0xFFFFFFFF))
    path.write_bytes(data)
    facts = probe_audio(path, LIMITS)
    assert (facts.seconds, facts.missing_seconds) == (1.5, 0)
    assert len(read_samples(path)) == 24000


def test_wav_with_an_impossible_rate(tmp_path):
    path = write_wav(tmp_path / "s.wav", tone(1.0, 16000), 16000)
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", 2_000_000_000)
    path.write_bytes(data)
    assert "2000000000 samples a second" in refused(path, AudioUnreadable).message


# --- limits


def test_too_many_bytes(tmp_path):
    path = write_wav(tmp_path / "s.wav", tone(1.0, 48000), 48000)
    error = refused(path, AudioTooLong, MediaLimits(audio_bytes=MEBIBYTE // 20))
    assert "0.1 MiB" in error.message
    assert error.facts["audio_bytes"] == path.stat().st_size


def test_twelve_minutes(tmp_path):
    path = encode(tmp_path / "lecture.mp3", np.tile(tone(60, 8000), 12), 8000, "libmp3lame")
    error = refused(path, AudioTooLong)
    assert "longer than the 600 s" in error.message
    assert "720.0 s by its header" in error.message
    assert error.facts["limit_seconds"] == 600


def test_limit_holds_whatever_the_header_says(tmp_path):
    path = write_wav(tmp_path / "s.wav", tone(3.0, 16000), 16000)
    data = bytearray(path.read_bytes())
    position = data.index(b"data") + 4
    data[position : position + 4] = bytes(4)
    path.write_bytes(data)
    assert refused(path, AudioTooLong, MediaLimits(audio_seconds=2.5)).facts["limit_seconds"] == 2.5
    assert probe_audio(path, MediaLimits(audio_seconds=3.0)).seconds == 3.0


def test_a_tenth_of_a_second(tmp_path):
    error = refused(write_wav(tmp_path / "s.wav", tone(0.1, 16000), 16000), AudioUnreadable)
    assert "0.10 s long: give at least 0.2 s" in error.message


def test_what_is_just_too_short_is_not_said_to_be_long_enough(tmp_path):
    error = refused(write_wav(tmp_path / "s.wav", tone(0.1999, 16000), 16000), AudioUnreadable)
    assert "0.19 s long: give at least 0.2 s" in error.message


# --- silence


@pytest.mark.parametrize(("level", "silent"), [(0.0, True), (0.0005, True), (0.003, False)])
def test_silence(tmp_path, level, silent):
    path = write_wav(tmp_path / "s.wav", tone(1.0, 16000, level=level), 16000)
    if silent:
        error = refused(path, AudioSilent)
        assert error.facts["audio_seconds"] == 1.0
        assert error.facts["audio_peak_db"] <= -60
    else:
        assert probe_audio(path, LIMITS).seconds == 1.0


def test_of_several_tracks_the_silent_first_one_is_said_to_be_the_first(tmp_path):
    path = tmp_path / "s.mka"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("flac", rate=16000, layout="mono") for _ in range(2)]
        for stream, level in zip(streams, (0, 8000), strict=True):
            frame = av.AudioFrame.from_ndarray(np.full((1, 16000), level, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 16000, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    message = refused(path, AudioSilent).message
    assert "the first of 2 sound tracks" in message
    assert "as the first track" in message


def test_one_word_in_a_long_silence_is_not_silent(tmp_path):
    samples = np.zeros((1, 16000 * 20), np.float32)
    samples[:, 16000 * 15 : 16000 * 16] = tone(1.0, 16000, level=0.1)
    assert probe_audio(write_wav(tmp_path / "s.wav", samples, 16000), LIMITS).seconds == 20.0


# --- what is no sound


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "an empty file, not sound"),
        (b"This is what I would like to say.\n" * 50, "text, not sound"),
        (b"<!doctype html><title>404</title>", "an HTML page, not sound"),
        (b"%PDF-1.7\n", "a PDF document, not sound"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture, not sound"),
        (b"MThd\0\0\0\x06\0\0\0\1\0\x60MTrk\0\0\0\0", "a MIDI score, not sound"),
        (b"RIFF\x24\0\0\0WAVE", "a WAV sound that is damaged"),
    ],
)
def test_what_is_no_sound_is_named(tmp_path, content, named):
    path = tmp_path / "speech.mp3"
    path.write_bytes(content)
    assert named in refused(path, AudioUnreadable).message


def test_video_without_sound(tmp_path):
    error = refused(write_video(tmp_path / "mute.mp4", sound=False), AudioUnreadable)
    assert "video without sound" in error.message


@pytest.mark.parametrize(
    ("name", "playlist"),
    [
        ("p.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"),
        ("p.ffconcat", "ffconcat version 1.0\nfile '{target}'\n"),
        ("p.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"),
    ],
)
def test_playlists_lead_nowhere(tmp_path, monkeypatch, name, playlist):
    monkeypatch.chdir(tmp_path)
    target = encode(tmp_path / "secret.mp3", tone(1.0, 16000), 16000, "libmp3lame")
    path = tmp_path / name
    path.write_text(playlist.format(target=target.name))
    assert "not sound" in refused(path, AudioUnreadable).message


def test_path_that_looks_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "concat:a").mkdir()
    path = write_wav(tmp_path / "concat:a" / "s.wav", tone(0.5, 16000), 16000)
    assert probe_audio(path.relative_to(tmp_path), LIMITS).seconds == 0.5
