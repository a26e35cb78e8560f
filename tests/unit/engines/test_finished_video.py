"""Videos of other servers are taken over whole, and in step with their sound."""

from pathlib import Path

import av
import pytest
from remote_jobs import SECONDS, remote_job, video_bytes

from spark_avatar.engines.engine import Speech
from spark_avatar.engines.finished_video import take_over
from spark_avatar.media.video import read_frames


def repacked(source: Path, target: Path, muxer: str) -> Path:
    """The pictures of a video in another container, without the sound."""
    with av.open(str(source)) as old, av.open(str(target), "w", format=muxer) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target


@pytest.mark.parametrize("muxer", ["mp4", "matroska", "mpegts"])  # the second leaves times out, the third begins late
def test_time_stamps_of_any_container_are_borne(tmp_path, muxer):
    job = remote_job(tmp_path, None)
    assert isinstance(job.motion, Speech)
    source = tmp_path / "source.mp4"
    source.write_bytes(video_bytes(sound=None))
    taken = take_over(repacked(source, tmp_path / "video", muxer), tmp_path / "taken.mp4", job.motion)
    assert (taken.facts.seconds, taken.facts.audio_seconds) == (SECONDS, SECONDS)
    assert sum(1 for _ in read_frames(taken.path)) == 25
    with av.open(str(taken.path)) as video:
        assert video.streams.video[0].start_time == video.streams.audio[0].start_time == 0
