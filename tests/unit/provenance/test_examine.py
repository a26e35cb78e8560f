"""What an examination comes to."""

from pathlib import Path

import av
import numpy as np
import pytest
from made_certificates import operators
from made_videos import encode_anew, scene, see_through, write

from spark_avatar.errors import ConfigurationError, InputError
from spark_avatar.media.video import read_transparent_frames
from spark_avatar.media.video_format import MOV, WEBM, VideoFormat
from spark_avatar.provenance.examine import Verdict, examine
from spark_avatar.provenance.provenance import Origin, Provenance, ProvenanceRules

IDENTITY = "1b4e28ba-2fa1-4d2c-883f-0016d3cca427"
SHORT = "1b4e28ba-2fa1-4d2c"


def sealed(path: Path, rules: ProvenanceRules, *, label: bool = False) -> tuple[Path, dict[str, object]]:
    provenance, origin = Provenance(rules), Origin(IDENTITY, label=label, consent=True)
    marks = provenance.begin(origin)
    write(path, scene(2, frames=12), marks)
    told = provenance.seal(
        path, origin, marks, engine="portrait", source_type="trainedAlgorithmicMedia", inputs={"portrait": "ab" * 32}
    )
    return path, told


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed(tmp_path_factory.mktemp("ours") / "ours.mp4", ProvenanceRules())[0]


def test_our_own_video_is_intact_and_all_marks_have_its_id(ours: Path) -> None:
    found = examine(ours)
    assert found.verdict is Verdict.INTACT
    assert found.identity == IDENTITY
    assert found.watermark_id == SHORT
    assert found.manifest is not None
    assert found.tags is not None
    assert found.manifest.identity == found.tags.identity == IDENTITY
    assert found.commented


@pytest.mark.parametrize(("video", "verdict"), [(WEBM, Verdict.MARKED), (MOV, Verdict.INTACT)], ids=["webm", "mov"])
def test_a_transparent_video_is_marked_too(tmp_path: Path, video: VideoFormat, verdict: Verdict) -> None:
    provenance, origin = Provenance(ProvenanceRules()), Origin(IDENTITY, label=True)
    marks = provenance.begin(origin)
    path = write(tmp_path / f"video{video.suffix}", see_through(scene(2, frames=12)), marks)
    before = list(read_transparent_frames(path))
    source_type = "trainedAlgorithmicMedia"
    told = provenance.seal(path, origin, marks, engine="portrait", source_type=source_type, inputs={}, video_format=video)
    assert (told["manifest"] is None) is (video is WEBM)
    found = examine(path)
    assert (found.verdict, found.identity[: len(SHORT)], found.watermark_id) == (verdict, SHORT, SHORT)
    assert found.tags is not None
    assert (found.tags.source_type, found.tags.identity, found.commented) == (source_type, IDENTITY, True)
    after = list(read_transparent_frames(path))  # tagging and signing leave the pictures as they are
    assert all((one == other).all() for one, other in zip(before, after, strict=True))
    assert after[0][30, 40, 3] >= 250  # the label is seen before whatever is put behind
    assert after[0][-20:, -20:, 3].max() <= 3


def test_a_changed_one_is_told_and_still_known_by_its_watermark(ours: Path, tmp_path: Path) -> None:
    content = bytearray(ours.read_bytes())
    content[-20] ^= 1  # in the tags
    (tmp_path / "changed.mp4").write_bytes(content)
    found = examine(tmp_path / "changed.mp4")
    assert found.verdict is Verdict.CHANGED
    assert found.identity == SHORT


@pytest.mark.parametrize("content", [b"no certificate", b"\x30\x82\x01", b""])
def test_a_trust_file_that_holds_no_certificates_says_nothing_against_a_video(ours: Path, tmp_path: Path, content: bytes) -> None:
    trust = tmp_path / "trust.pem"
    trust.write_bytes(content)
    with pytest.raises(ConfigurationError, match="trust file"):
        examine(ours, trust=trust)


def test_a_byte_order_mark_in_a_trust_file_is_passed_over(ours: Path, tmp_path: Path) -> None:
    _, _, authority = operators(tmp_path)
    trust = tmp_path / "trust.pem"
    trust.write_bytes(b"\xef\xbb\xbf" + authority)
    assert examine(ours, trust=trust).verdict is Verdict.INTACT


@pytest.mark.parametrize("name", ["copy.mp4", "copy.mkv"])
def test_a_copy_is_known_by_its_watermark(ours: Path, tmp_path: Path, name: str) -> None:
    found = examine(encode_anew(ours, tmp_path / name, crf=23))
    assert (found.verdict, found.manifest, found.tags, found.identity) == (Verdict.MARKED, None, None, SHORT)


def test_a_foreign_video_has_nothing(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "foreign.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        for frame in scene(3, size=(256, 256), frames=10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))
    found = examine(tmp_path / "foreign.mp4")
    assert (found.verdict, found.identity, found.commented) == (Verdict.NOTHING, None, False)


def test_every_mark_can_be_switched_off(tmp_path: Path) -> None:
    path, told = sealed(tmp_path / "video.mp4", ProvenanceRules(manifest=False, tags=False, watermark=False))
    found = examine(path)
    assert (found.manifest, found.tags, found.watermark) == (None, None, None)
    assert told == {
        "id": IDENTITY,
        "digital_source_type": "trainedAlgorithmicMedia",
        "manifest": None,
        "tags": False,
        "watermark": False,
        "label": False,
        "consent": True,
    }


def test_a_label_is_seen_and_told(tmp_path: Path) -> None:
    _, told = sealed(tmp_path / "video.mp4", ProvenanceRules(), label=True)
    assert told["label"] is True
    provenance, origin = Provenance(ProvenanceRules(watermark=False)), Origin(IDENTITY, label=True)
    marks, frame = provenance.begin(origin), np.full((512, 512, 3), 200, np.uint8)
    marks.draw(frame)
    changed = np.argwhere((frame != 200).any(axis=2))
    assert changed.max(axis=0)[0] < 512 * 0.12  # in the upper corner
    assert frame.min() < 100  # the plate
    assert frame.max() == 255  # the letters


def test_half_a_pair_of_certificate_and_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="both"):
        Provenance(ProvenanceRules(certificate=tmp_path / "own.pem")).check()


def test_a_label_that_its_font_cannot_show_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="font"):
        Provenance(ProvenanceRules(label_text="AI生成")).check()


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError):
        examine(tmp_path / "text.mp4")
