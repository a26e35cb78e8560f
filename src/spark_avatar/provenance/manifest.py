"""C2PA manifests (Content Credentials): what made a video and of what, signed; written with the library of the C2PA's own
members. All of it is offline.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import c2pa

from spark_avatar import __version__
from spark_avatar.errors import ConfigurationError, GenerationError
from spark_avatar.media.boxes import box_of_type
from spark_avatar.media.video_format import MP4, VideoFormat
from spark_avatar.provenance.certificate import Credentials

CONSENT_LABEL: Final = "org.spark-avatar.consent"
MARK_LABEL: Final = "org.spark-avatar.mark"
_TERMS: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MANIFEST_BOX: Final = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes
"""Extended type of the box with a manifest (C2PA specification, A.5)."""
_ELSEWHERE: Final = "Remote"
"""What the library calls a manifest that is kept on some server."""
_IN_MEMORY_MEGABYTES: Final = 16
"""A larger video is copied by way of a file in the folder for temporary ones: the library would hold it twice."""
_SETTINGS: Final = {
    "version": 1,
    # No pictures of the inputs in the manifest; nothing is fetched, whatever a stranger's file asks for.
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": _IN_MEMORY_MEGABYTES},
}


@dataclass(frozen=True)
class Ingredient:
    """Something that went into a video, by its digest alone."""

    role: str
    """`portrait`, `recording`, `track` or `background`."""
    sha256: str
    """Of the file, in hex."""


@dataclass(frozen=True)
class Statement:
    """What a manifest says of a video."""

    identity: str
    """The task's id, or that of a render without one."""
    source_type: str
    """IPTC digital source type, the term alone."""
    engine: str
    ingredients: tuple[Ingredient, ...]
    watermarked: bool
    consent: bool
    """Whether the caller stated that the person agrees."""

    def definition(self, media_type: str) -> dict[str, Any]:
        """As the library takes it, for a file of a type."""
        software = {"name": "Spark Avatar", "version": __version__}
        created = {
            "action": "c2pa.created",
            "digitalSourceType": _TERMS + self.source_type,
            "softwareAgent": software,
            "parameters": {"ingredientIds": [ingredient.role for ingredient in self.ingredients]},
        }
        actions: list[dict[str, Any]] = [created]
        if self.watermarked:
            actions.append({"action": "c2pa.watermarked.unbound", "softwareAgent": software})
        assertions: list[dict[str, Any]] = [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": MARK_LABEL, "data": {"id": self.identity, "engine": self.engine}},
        ]
        if self.consent:
            assertions.append({"label": CONSENT_LABEL, "data": {"stated": True}})
        return {
            "claim_generator_info": [software],
            "title": "Spark Avatar video",
            "format": media_type,
            "ingredients": [_ingredient(ingredient) for ingredient in self.ingredients],
            "assertions": assertions,
        }


def sign_video(
    source: Path, target: Path, statement: Statement, credentials: Credentials, video_format: VideoFormat = MP4
) -> None:
    """Writes `target`, a copy of an MP4 or MOV with a signed manifest in front of its index.

    Needs about as much memory as the file has bytes, half a gigabyte at most: the library hashes in large pieces. Raises
    `GenerationError`: a video that cannot be signed is not handed out.
    """
    media_type = video_format.media_type
    try:
        with source.open("rb") as file, target.open("w+b") as signed:
            _sign(statement.definition(media_type), media_type, file, signed, credentials)
    except (c2pa.C2paError, OSError) as error:
        target.unlink(missing_ok=True)
        raise GenerationError("The video could not be signed.") from error


def check_credentials(credentials: Credentials) -> None:
    """Signs a trial picture, which the library then validates. Raises `ConfigurationError` for a certificate that C2PA does not
    take, with the library's words for it.
    """
    trial = Statement("trial", "algorithmicMedia", "none", (), watermarked=False, consent=False)
    try:
        _sign(trial.definition("image/png"), "image/png", BytesIO(_tiny_png()), BytesIO(), credentials)
    except c2pa.C2paError as error:
        reason = " ".join(str(error).split("(self#")[0].split())
        raise ConfigurationError(
            f"the signing certificate cannot be used for Content Credentials ({reason}): it needs the key usage "
            "digitalSignature, an extended key usage such as emailProtection, and an issuer other than itself"
        ) from error


@dataclass(frozen=True)
class ManifestFinding:
    """What a file's manifest says, and whether it may be believed."""

    intact: bool
    """Signature and digests fit: nothing was changed since it was signed."""
    trusted: bool
    """The signer's certificate leads to one of the given anchors."""
    signer: str
    """Common name of the signer."""
    issuer: str
    """Organisation of the signer."""
    generator: str
    """The program that made the manifest."""
    source_type: str | None
    """IPTC digital source type, the term alone."""
    identity: str | None
    """The id that our own manifests carry."""
    consent: bool
    faults: tuple[str, ...]
    """Codes of what does not fit, as C2PA names them."""

    @property
    def self_made(self) -> bool:
        """Whether the signer is one that comes by itself with this program."""
        return "(UNTRUSTED)" in self.signer


def read_manifest(path: Path, *, anchors: bytes | None = None) -> ManifestFinding | None:
    """The manifest of an MP4 or MOV, validated; None if it has none, or names one elsewhere, which is not fetched. `anchors` are
    the certificates to trust, in PEM.

    A manifest so damaged that it cannot be read comes as a finding that is not intact.
    """
    trust = {"trust": {"trust_anchors": anchors.decode("ascii", "replace")}} if anchors else {}
    try:
        with (
            path.open("rb") as file,
            c2pa.Context.from_dict({**_SETTINGS, **trust}) as context,
            c2pa.Reader(MP4.media_type, file, context=context) as reader,
        ):
            return _finding(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        fault = str(error).split(":")[0]
        if fault == _ELSEWHERE or not _holds_manifest(path):
            return None
        return ManifestFinding(False, False, "", "", "", None, None, consent=False, faults=(fault,))


def _finding(document: Mapping[str, Any]) -> ManifestFinding:
    """Strangers may put anything into what our own manifests carry."""
    manifest = document["manifests"][document["active_manifest"]]
    assertions = {assertion["label"]: assertion.get("data") or {} for assertion in manifest.get("assertions", ())}
    actions = [action for label, data in assertions.items() if label.startswith("c2pa.actions") for action in data["actions"]]
    types = [action["digitalSourceType"] for action in actions if "digitalSourceType" in action]
    signature = manifest.get("signature_info", {})
    mark = assertions.get(MARK_LABEL)
    identity = mark.get("id") if isinstance(mark, dict) else None
    generators = [info.get("name", "") for info in manifest.get("claim_generator_info", ())]
    return ManifestFinding(
        intact=document.get("validation_state") in ("Valid", "Trusted"),
        trusted=document.get("validation_state") == "Trusted",
        signer=signature.get("common_name") or "",
        issuer=signature.get("issuer") or "",
        generator=next(iter(generators), ""),
        source_type=str(types[0]).rsplit("/", 1)[-1] if types else None,
        identity=identity if isinstance(identity, str) else None,
        consent=CONSENT_LABEL in assertions,
        faults=tuple(dict.fromkeys(str(status["code"]) for status in document.get("validation_status", ()))),
    )


def _holds_manifest(path: Path) -> bool:
    """Whether the file has a box for one: else there is nothing that could not fit, however damaged it is."""
    with path.open("rb") as file:
        return box_of_type(file, _MANIFEST_BOX) is not None


def _sign(definition: dict[str, Any], media_type: str, source: Any, target: Any, credentials: Credentials) -> None:
    info = c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)
    with (
        c2pa.Context.from_dict(_SETTINGS) as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder.from_json(definition, context=context) as builder,
    ):
        builder.sign(signer, media_type, source, target)


def _ingredient(ingredient: Ingredient) -> dict[str, str]:
    """Its digest is its name, so that who has the same file can tell, and nobody else learns anything."""
    return {
        "relationship": "inputTo",
        "label": ingredient.role,
        "title": ingredient.role,
        "instance_id": f"urn:sha256:{ingredient.sha256}",
    }


def _tiny_png() -> bytes:
    """One grey pixel."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\x00\x80")),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
