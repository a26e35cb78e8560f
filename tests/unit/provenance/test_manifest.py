"""Signed manifests, as the library of the C2PA reads them back."""

import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import c2pa
import pytest
from made_certificates import operators
from made_videos import encode_anew, scene, write

from spark_avatar.errors import GenerationError
from spark_avatar.media.video import probe_video, read_frames
from spark_avatar.provenance.certificate import Credentials, new_credentials, read_credentials
from spark_avatar.provenance.examine import Verdict, examine
from spark_avatar.provenance.manifest import MARK_LABEL, Ingredient, Statement, read_manifest, sign_video

STATEMENT = Statement(
    identity="1b4e28ba-2fa1-4d2c-883f-0016d3cca427",
    source_type="compositeWithTrainedAlgorithmicMedia",
    engine="portrait",
    ingredients=(Ingredient("portrait", "ab" * 32), Ingredient("recording", "cd" * 32)),
    watermarked=True,
    consent=True,
)


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return new_credentials()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("plain") / "plain.mp4", scene(1, size=(128, 128), frames=5))


@pytest.fixture
def signed(plain: Path, tmp_path: Path, credentials: Credentials) -> Path:
    sign_video(plain, tmp_path / "signed.mp4", STATEMENT, credentials)
    return tmp_path / "signed.mp4"


def whole_manifest(video: Path) -> dict:
    with video.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        document = json.loads(reader.json())
    return document["manifests"][document["active_manifest"]]


def boxes(video: Path) -> list[str]:
    """The kinds of the file's boxes, in their order."""
    content, place, kinds = video.read_bytes(), 0, []
    while place < len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        kinds.append(kind.decode())
        place += size
    return kinds


def test_it_says_what_was_stated(signed: Path) -> None:
    found = read_manifest(signed)
    assert found is not None
    assert found.intact
    assert not found.trusted
    assert found.self_made
    assert (found.source_type, found.identity, found.consent) == (STATEMENT.source_type, STATEMENT.identity, True)
    assert found.generator == "Spark Avatar"


def test_the_first_action_creates_and_names_the_inputs_by_digest_alone(signed: Path) -> None:
    manifest = whole_manifest(signed)
    (actions,) = [entry["data"]["actions"] for entry in manifest["assertions"] if entry["label"].startswith("c2pa.actions")]
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.watermarked.unbound"]
    assert actions[0]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert len(actions[0]["parameters"]["ingredients"]) == 2
    assert [(entry["title"], entry["relationship"], entry["instance_id"]) for entry in manifest["ingredients"]] == [
        ("portrait", "inputTo", "urn:sha256:" + "ab" * 32),
        ("recording", "inputTo", "urn:sha256:" + "cd" * 32),
    ]
    assert "thumbnail" not in json.dumps(manifest)


def test_pictures_and_layout_stay_as_they_were(plain: Path, signed: Path) -> None:
    assert probe_video(signed) == probe_video(plain)
    assert all((a == b).all() for a, b in zip(read_frames(plain), read_frames(signed), strict=True))
    kinds = boxes(signed)
    assert kinds.index("uuid") < kinds.index("moov") < kinds.index("mdat")  # the index in front: fast start


@pytest.mark.parametrize(("box", "place"), [("moov", 60), ("mdat", 100), ("mdat", 2000)])
def test_one_changed_bit_is_noticed(signed: Path, box: str, place: int) -> None:
    content = bytearray(signed.read_bytes())
    content[content.index(box.encode()) + place] ^= 1
    signed.write_bytes(content)
    found = read_manifest(signed)
    assert found is not None
    assert not found.intact


def test_a_changed_statement_is_noticed(signed: Path) -> None:
    content = signed.read_bytes()
    assert content.count(b"compositeWithTrainedAlgorithmicMedia") == 1
    signed.write_bytes(content.replace(b"compositeWithTrained", b"compositeWithUntouch"))
    found = read_manifest(signed)
    assert found is not None
    assert not found.intact


def test_the_operators_certificate_is_trusted_by_who_trusts_its_authority(plain: Path, tmp_path: Path) -> None:
    certificate, key, authority = operators(tmp_path)
    sign_video(plain, tmp_path / "signed.mp4", STATEMENT, read_credentials(certificate, key))
    stranger, friend = (read_manifest(tmp_path / "signed.mp4", anchors=anchors) for anchors in (None, authority))
    assert stranger is not None
    assert friend is not None
    assert (stranger.intact, stranger.trusted) == (True, False)
    assert (friend.intact, friend.trusted) == (True, True)
    assert (friend.signer, friend.issuer, friend.self_made) == ("videos.example", "A studio", False)


def test_what_is_cut_short_is_changed_only_where_it_had_a_manifest(plain: Path, signed: Path, tmp_path: Path) -> None:
    beyond_the_end = struct.pack(">I4s", 5000, b"free")
    for video, verdict in ((plain, Verdict.MARKED), (signed, Verdict.CHANGED)):
        (tmp_path / "cut.mp4").write_bytes(video.read_bytes() + beyond_the_end)
        assert examine(tmp_path / "cut.mp4").verdict is verdict


@pytest.mark.parametrize("mark", [{"id": 5}, {"id": ["a"]}, [1, 2], "text"])
def test_a_stranger_may_write_anything_where_we_write_the_id(
    plain: Path, tmp_path: Path, credentials: Credentials, monkeypatch: pytest.MonkeyPatch, mark: object
) -> None:
    definition = STATEMENT.definition("video/mp4")
    definition["assertions"] = [entry for entry in definition["assertions"] if entry["label"] != MARK_LABEL]
    definition["assertions"].append({"label": MARK_LABEL, "data": mark})
    monkeypatch.setattr(Statement, "definition", lambda _self, _media_type: definition)
    sign_video(plain, tmp_path / "signed.mp4", STATEMENT, credentials)
    found = examine(tmp_path / "signed.mp4")
    assert (found.verdict, found.identity) == (Verdict.INTACT, None)


def test_a_manifest_elsewhere_is_not_fetched(plain: Path, tmp_path: Path, credentials: Credentials) -> None:
    asked = []

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    info = c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as host:
        thread = threading.Thread(target=host.serve_forever, daemon=True)
        thread.start()
        context = c2pa.Context.from_dict({"verify": {"verify_after_sign": False}})
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder.from_json(STATEMENT.definition("video/mp4"), context=context) as builder,
        ):
            builder.set_no_embed()
            builder.set_remote_url(f"http://127.0.0.1:{host.server_address[1]}/manifest.c2pa")
            with plain.open("rb") as source, (tmp_path / "remote.mp4").open("w+b") as target:
                builder.sign(signer, "video/mp4", source, target)
        assert read_manifest(tmp_path / "remote.mp4") is None
        host.shutdown()
        thread.join()
    assert b"/manifest.c2pa" in (tmp_path / "remote.mp4").read_bytes()
    assert asked == []


def test_a_copy_that_was_encoded_anew_has_none(signed: Path, tmp_path: Path) -> None:
    assert read_manifest(encode_anew(signed, tmp_path / "copy.mp4", crf=28)) is None


def test_a_file_that_cannot_be_signed_leaves_nothing_behind(tmp_path: Path, credentials: Credentials) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\x00\x00\x00\x08ftyp")
    with pytest.raises(GenerationError, match="signed"):
        sign_video(tmp_path / "broken.mp4", tmp_path / "signed.mp4", STATEMENT, credentials)
    assert not (tmp_path / "signed.mp4").exists()
