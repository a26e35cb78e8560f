"""Plain metadata, readable without any library."""

import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_videos import scene, write

from spark_avatar.media.video import probe_video
from spark_avatar.provenance.tags import read_tags, write_tags


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write(tmp_path / "video.mp4", scene(1, size=(64, 64), frames=3))


def test_what_is_written_is_read(video: Path) -> None:
    before = probe_video(video)
    write_tags(video, source_type="trainedAlgorithmicMedia", identity="an <id> & more")
    tags = read_tags(video)
    assert tags is not None
    assert tags.source_type == "trainedAlgorithmicMedia"
    assert tags.tool is not None
    assert tags.tool.startswith("Spark Avatar ")
    assert probe_video(video) == before


def test_the_packet_is_well_formed_and_says_what_platforms_look_for(video: Path) -> None:
    write_tags(video, source_type="trainedAlgorithmicMedia", identity="x")
    content = video.read_bytes()
    packet = content[content.index(b"<x:xmpmeta") : content.index(b"</x:xmpmeta>") + len(b"</x:xmpmeta>")]
    description = ElementTree.fromstring(packet)[0][0]
    name = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    assert description.attrib[name] == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def test_a_video_without_them_has_none(video: Path) -> None:
    assert read_tags(video) is None


@pytest.mark.parametrize(
    "tail",
    [b"", b"\x00", struct.pack(">I4s", 4, b"free"), struct.pack(">I4sQ", 1, b"uuid", 2**63), struct.pack(">I4s", 0, b"uuid")],
)
def test_damaged_boxes_end_the_search(video: Path, tail: bytes) -> None:
    with video.open("ab") as file:
        file.write(tail)
    assert read_tags(video) is None
