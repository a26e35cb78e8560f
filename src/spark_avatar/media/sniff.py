"""What a file is, told from its first bytes: names and content types are claims, the bytes are not.

Sources of the signatures: the formats' own specifications, as collected in the WHATWG MIME Sniffing standard
(https://mimesniff.spec.whatwg.org) and `file(1)`.
"""

import re
from typing import Final, Literal, NamedTuple

SNIFF_BYTES: Final = 4096
"""How much of a file `sniff_media` wants to see; less is fine."""

Kind = Literal["image", "audio", "video", "other"]


class _Identity(NamedTuple):
    name: str
    kind: Kind


_EMPTY: Final = _Identity("empty file", "other")
_TEXT: Final = _Identity("text", "other")
_UNKNOWN: Final = _Identity("file of an unknown type", "other")

_SIGNATURES: Final[tuple[tuple[int, bytes, str, Kind], ...]] = (
    (0, b"\xff\xd8\xff", "JPEG picture", "image"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG picture", "image"),
    (0, b"GIF8", "GIF picture", "image"),
    (0, b"II*\x00", "TIFF picture", "image"),
    (0, b"MM\x00*", "TIFF picture", "image"),
    (0, b"II+\x00", "TIFF picture", "image"),
    (0, b"MM\x00+", "TIFF picture", "image"),
    (0, b"8BPS", "Photoshop drawing", "image"),
    (0, b"\x00\x00\x01\x00", "icon", "image"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000 picture", "image"),
    (0, b"\xff\x0a", "JPEG XL picture", "image"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL picture", "image"),
    (0, b"fLaC", "FLAC sound", "audio"),
    (0, b"OggS", "Ogg sound", "audio"),
    (0, b"ID3", "MP3 sound", "audio"),
    (0, b"#!AMR", "AMR sound", "audio"),
    (0, b"caff", "CAF sound", "audio"),
    (0, b".snd", "AU sound", "audio"),
    (0, b"wvpk", "WavPack sound", "audio"),
    (0, b"TTA1", "TTA sound", "audio"),
    (0, b"\x7f\xfe\x80\x01", "DTS sound", "audio"),
    (0, b"riff\x2e\x91\xcf\x11", "W64 sound", "audio"),
    (0, b"MThd", "MIDI score", "other"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska video", "video"),
    (0, b"FLV\x01", "Flash video", "video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media file", "video"),
    (0, b"\x00\x00\x01\xba", "MPEG video", "video"),
    (0, b"\x00\x00\x01\xb3", "MPEG video", "video"),
    (0, b"%PDF-", "PDF document", "other"),
    (0, b"%!PS", "PostScript document", "other"),
    (0, b"PK\x03\x04", "ZIP archive", "other"),
    (0, b"PK\x05\x06", "ZIP archive", "other"),
    (0, b"\x1f\x8b", "gzip archive", "other"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip archive", "other"),
    (0, b"Rar!\x1a\x07", "RAR archive", "other"),
    (257, b"ustar", "tar archive", "other"),
    (0, b"\x7fELF", "program", "other"),
    (0, b"MZ", "program", "other"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office document", "other"),
    (0, b"SQLite format 3\x00", "database", "other"),
)
"""Offset, bytes found there, name and kind."""

_RIFF: Final = {
    b"WAVE": _Identity("WAV sound", "audio"),
    b"WEBP": _Identity("WebP picture", "image"),
    b"AVI ": _Identity("AVI video", "video"),
}
_AIFF: Final = _Identity("AIFF sound", "audio")

_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), _Identity("AVIF picture", "image")),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), _Identity("HEIC picture", "image")),
    **dict.fromkeys((b"M4A ", b"M4B "), _Identity("M4A sound", "audio")),
    b"qt  ": _Identity("QuickTime video", "video"),
}
"""ISO base media files (ISO/IEC 14496-12) by brand; any other brand is taken for an MP4 video."""
_MP4: Final = _Identity("MP4 video", "video")

_HTML: Final = _Identity("HTML page", "other")
_MARKUP: Final = (
    (re.compile(rb"<(!doctype\s+html|html)[\s>]", re.IGNORECASE), _HTML),
    (re.compile(rb"<svg[\s>]", re.IGNORECASE), _Identity("SVG drawing", "other")),
    (re.compile(rb"<(head|body|script|iframe|title|h1|div|p|table)[\s>]", re.IGNORECASE), _HTML),
    (re.compile(rb"^<\?xml\s", re.IGNORECASE), _Identity("XML document", "other")),
    (re.compile(rb"^#EXTM3U|^\[playlist\]", re.IGNORECASE), _Identity("playlist", "other")),
    (re.compile(rb"^[\[{]\s*([\[\]{}\"]|$)"), _Identity("JSON document", "other")),
)
"""The first that matches counts: a page may hold a drawing, and a drawing a title."""
_AN: Final = re.compile(r"[AEIOaeio]|HTML|M4A|MP[34E]|SVG|XML")
_TEXT_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROLS: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")


def sniff_media(head: bytes) -> str:
    """A plain word for what a file is, e.g. `JPEG picture`, `HTML page`, `empty file`; `head` is its first bytes."""
    return _identify(head).name


def sniff_kind(head: bytes) -> Kind:
    """Whether a file that begins with `head` holds a picture, sound, a video (perhaps with sound only) or neither."""
    return _identify(head).kind


def with_article(name: str) -> str:
    """`name` as it stands in a sentence: `an HTML page`, `a JPEG picture`, `text`."""
    if name == _TEXT.name:
        return name
    return f"{'an' if _AN.match(name) else 'a'} {name}"


def _identify(head: bytes) -> _Identity:
    if not head:
        return _EMPTY
    return _by_signature(head) or _by_text(head[:SNIFF_BYTES]) or _UNKNOWN


def _by_signature(head: bytes) -> _Identity | None:
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _AIFF
    for offset, magic, name, kind in _SIGNATURES:
        if head.startswith(magic, offset):
            return _Identity(name, kind)
    return _by_structure(head)


def _by_brand(head: bytes) -> _Identity:
    """An ISO base media file names its main brand first, then those it is compatible with."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, length - 3, 4))]
    generic = brands[0] in (b"mif1", b"msf1")  # a still picture of either codec
    for brand in brands if generic else brands[:1]:
        if brand in _BRANDS:
            return _BRANDS[brand]
    return _BRANDS[b"heic"] if generic else _MP4


def _by_structure(head: bytes) -> _Identity | None:
    """Formats without a magic word: they are known by fields that fit together."""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124):
        return _Identity("BMP picture", "image")
    if head[:1] == b"\x47" and head[188:189] in (b"\x47", b"") and head[376:377] in (b"\x47", b"") and len(head) >= 188:
        return _Identity("MPEG video", "video")
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return _by_frame_sync(head)
    return None


def _by_frame_sync(head: bytes) -> _Identity | None:
    """MPEG audio: eleven set bits, then version, layer, bit rate and sampling rate, some values of which are reserved.

    Layer I is left out: nobody uses it, and its first bytes are those of UTF-16 text.
    """
    layer = (head[1] >> 1) & 3
    if layer == 3:
        return None
    if layer == 0:
        return _Identity("AAC sound", "audio") if head[1] & 0xF0 == 0xF0 else None
    version, bit_rate, sampling = (head[1] >> 3) & 3, head[2] >> 4, (head[2] >> 2) & 3
    return _Identity("MP3 sound", "audio") if version != 1 and bit_rate != 15 and sampling != 3 else None


def _by_text(head: bytes) -> _Identity | None:
    if head.startswith(_TEXT_MARKS[1:]):
        return _TEXT
    text = head.removeprefix(_TEXT_MARKS[0])
    if not _is_text(text):
        return None
    stripped = text.lstrip()
    return next((identity for pattern, identity in _MARKUP if pattern.search(stripped)), _TEXT)


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters; the last character may be cut off."""
    if _CONTROLS.intersection(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True
